#!/usr/bin/env bash
# A real Slurm of one node, from Debian's packages, without systemd: for tests.
#
#   slurm.sh start FOLDER    install what is missing (root and apt), start it, wait until it works
#   slurm.sh stop FOLDER     cancel its jobs and stop what `start` started, by its process ids
#
# Everything lies in FOLDER, but for links in /etc/slurm: steps of a job find no other place.
# Both may be called again at any time. Status 77: Slurm cannot be had here, for the reason given.
set -euo pipefail

ACTION=${1:?start or stop}
mkdir -p "${2:?a folder on a path that others cannot write to}"
FOLDER=$(cd "$2" && pwd)
RUN=$FOLDER/run ETC=$FOLDER/etc LOG=$FOLDER/log
NODE=$(hostname -s) CPUS=8 GPUS=2 PORT=${SLURM_TEST_PORT:-16827}
MEMORY_MB=$(awk '/MemTotal/ {print int($2 / 1138)}' /proc/meminfo)
PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$ETC/slurm.conf

unavailable() { echo "no Slurm: $*" >&2; exit 77; }

die() {
  echo "slurm.sh: $*" >&2
  tail -n 15 "$LOG"/*.log "$LOG"/munge/* >&2 || true
  exit 1
}

wait_for() {
  local end=$((SECONDS + 20))
  until timeout 5 "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep .2
  done
}

alive() { # NAME PIDFILE; a zombie is dead
  awk -v name="$1" '/^Name/ {same = $2 == name} /^State/ {exit !(same && $2 != "Z")}' \
    "/proc/$(cat "$2" 2>/dev/null)/status" 2>/dev/null
}

stop_one() { # NAME PIDFILE: TERM, ten seconds, KILL
  if alive "$1" "$2"; then
    kill -TERM "$(cat "$2")"
    for _ in $(seq 50); do alive "$1" "$2" || break; sleep .2; done
    if alive "$1" "$2"; then kill -KILL "$(cat "$2")"; fi
  fi
  rm -f "$2"
}

stop() {
  if alive slurmctld "$RUN/slurmctld.pid"; then # jobs outlive slurmd: they go first
    timeout 15 squeue -h -o %A | sort -u | timeout 15 xargs -r scancel || true
    for _ in $(seq 50); do [ -z "$(timeout 5 squeue -h)" ] && break; sleep .2; done
  fi
  stop_one slurmd "$RUN/slurmd.pid"
  stop_one slurmctld "$RUN/slurmctld.pid"
  stop_one munged "$RUN/munge/pid"
  rm -f "$RUN"/munge/socket*
  for file in slurm.conf gres.conf; do
    if [ "$(readlink "/etc/slurm/$file")" = "$ETC/$file" ]; then rm -f "/etc/slurm/$file"; fi
  done
}

install_packages() {
  [ "$(id -u)" = 0 ] || unavailable "only root can start its daemons"
  type munged slurmctld slurmd srun >/dev/null 2>&1 && return
  type apt-get >/dev/null 2>&1 || unavailable "it is not installed, and there is no apt-get"
  export DEBIAN_FRONTEND=noninteractive
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e $policy ]; then # keeps apt from starting the daemons itself
    made=yes
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  local status=0
  { timeout 120 apt-get update -qq && timeout 240 apt-get install -yqq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 munge slurm-client slurmctld slurmd; } >"$LOG/apt.log" 2>&1 || status=$?
  if [ -n "$made" ]; then rm -f $policy; fi
  [ $status = 0 ] || unavailable "apt-get cannot install it: $(tail -n 1 "$LOG/apt.log")"
}

configure() {
  # proctrack/pgid: linuxproc loses children of a cancelled batch shell. CPUs: more than there
  # are, so that jobs wait for each other less. A second /dev/null serves as a GPU.
  cat >"$ETC/slurm.conf.new" <<CONF
ClusterName=dynsparse
SlurmctldHost=$NODE(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
SlurmUser=root
AuthInfo=socket=$RUN/munge/socket
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.pid
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd.log
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
ReturnToService=2
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$LOG/jobcomp.txt
MinJobAge=3600
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS CoresPerSocket=$CPUS RealMemory=$MEMORY_MB Gres=gpu:fake:$GPUS
PartitionName=main Nodes=$NODE Default=YES DefaultTime=10
CONF
  cat >"$ETC/gres.conf.new" <<CONF
AutoDetect=off
NodeName=$NODE Name=gpu Type=fake File=$FOLDER/dev/gpu[0-$((GPUS - 1))]
CONF
  for file in slurm.conf gres.conf; do
    cmp -s "$ETC/$file.new" "$ETC/$file" || { stop; rm -rf "$FOLDER"/{state,spool}/*; }
  done
  mkdir -p /etc/slurm
  for file in slurm.conf gres.conf; do
    mv "$ETC/$file.new" "$ETC/$file"
    if [ -e "/etc/slurm/$file" ] && [ ! "/etc/slurm/$file" -ef "$ETC/$file" ]; then
      unavailable "/etc/slurm/$file belongs to another Slurm"
    fi
    ln -sfn "$ETC/$file" "/etc/slurm/$file"
  done
}

start() {
  mkdir -p "$RUN" "$ETC" "$LOG" "$FOLDER/dev"
  chmod 755 "$FOLDER" "$RUN"
  install_packages
  install -d -m 700 "$FOLDER/state" "$FOLDER/spool"
  install -d -m 755 -o munge -g munge "$RUN/munge"
  install -d -m 700 -o munge -g munge "$LOG/munge" "$FOLDER/munge"
  local key=$FOLDER/munge/key
  if [ ! -s "$key" ]; then
    install -m 600 -o munge -g munge /dev/null "$key"
    head -c 1024 /dev/urandom >"$key"
  fi
  for k in $(seq 0 $((GPUS - 1))); do
    [ -c "$FOLDER/dev/gpu$k" ] || mknod -m 666 "$FOLDER/dev/gpu$k" c 1 3 \
      || unavailable "this machine lets nobody make a device"
  done
  configure
  alive munged "$RUN/munge/pid" || {
    rm -f "$RUN"/munge/socket*
    setpriv --reuid=munge --regid=munge --init-groups munged --key-file="$key" \
      --socket="$RUN/munge/socket" --pid-file="$RUN/munge/pid" --log-file="$LOG/munge/log" \
      --seed-file="$FOLDER/munge/seed" </dev/null >"$LOG/munged.log" 2>&1 || die "munged"
  }
  wait_for munge -S "$RUN/munge/socket" -n || die "munge does not answer"
  alive slurmctld "$RUN/slurmctld.pid" || slurmctld </dev/null >"$LOG/slurmctld.out.log" 2>&1 \
    || die "slurmctld"
  wait_for sh -c 'scontrol ping | grep -q UP' || die "slurmctld does not answer"
  alive slurmd "$RUN/slurmd.pid" || slurmd -N "$NODE" </dev/null >"$LOG/slurmd.out.log" 2>&1 \
    || die "slurmd"
  wait_for sh -c 'sinfo -h -o %T | grep -qE "idle|mixed|allocated"' || die "the node is not idle"
  timeout 30 srun -t 1 --mem=50 true || die "srun"
}

case $ACTION in
  start | stop) $ACTION ;;
  *) echo "usage: slurm.sh start|stop FOLDER" >&2; exit 2 ;;
esac
