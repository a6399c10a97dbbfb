import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from dynsparse.audit.elsewhere import prepare
from dynsparse.audit.report import terminal, write_audit
from dynsparse.audit.run import Extent, audit
from dynsparse.running.console import job_log

given, extent = snakemake.params, Extent()
promised = [str(Path(item).relative_to(given.folder)) for item in given.promised]
with job_log(snakemake.log[0]), TemporaryDirectory() as elsewhere:
    drawn = prepare(Path.cwd(), given.folder, extent.seed, Path(elsewhere))
    targets = [f"{given.folder}/{path}" for path in drawn]
    only = ["--allowed-rules", *sorted(set(drawn.values()))]
    start = ["snakemake", "--snakefile", Path(given.snakefile).absolute()]
    subprocess.run([*start, *given.snakemake, *targets, *only], cwd=elsewhere, check=False)
    folder = Path(given.folder)
    result = audit(folder, extent, promised, Path(elsewhere) / folder)
    write_audit(result, folder / "audit")
    print(terminal(result))
    if not result.passed:
        raise SystemExit(1)
