# Expert policies: shipped with the repository, or trained here.

SHIPPED = "resources/experts/{environment}/seed-{seed}"
TRAINED = RESULTS + "/experts/{environment}/seed-{seed}"
EXPERTS = SHIPPED if config["policies"]["expert"] == "shipped" else TRAINED
POLICY_FILES = {"expert": "policy.safetensors", "half": "half.safetensors"}


rule train_expert:
    input:
        library=library("policies.training"),
        schedules="resources/experts/schedules.yaml",
        lock="envs/cpu.txt",
    output:
        policy=TRAINED + "/policy.safetensors",
        curve=TRAINED + "/curve.parquet",
        card=TRAINED + "/card.json",
    log:
        LOGS + "/train_expert/{environment}/seed-{seed}.log",
    params:
        environment="{environment}",
        seed="{seed}",
    threads: 2
    resources:
        mem_mb=megabytes(4000),
        runtime=600,
    script:
        "../scripts/train_expert.py"


def policy_file(wildcards):
    """The checkpoint behind a behaviour; a random one has none."""
    if wildcards.behaviour == "random":
        return []
    return f"{EXPERTS}/{POLICY_FILES[wildcards.behaviour]}".format(**wildcards)
