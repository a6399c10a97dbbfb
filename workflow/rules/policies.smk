# Expert policies: shipped with the repository, trained here, or the user's own.

TRAINED = f"{RESULTS}/experts/{{environment}}/seed-{{seed}}"


rule experts:
    input:
        [
            f"{TRAINED}/policy.safetensors".format(
                environment=case.environment, seed=seed
            )
            for case in STUDY.cases
            if case.behaviour == "expert"
            for seed in SEEDS
        ],
    localrule: True


rule train_expert:
    input:
        library=library("policies.experts"),
        schedules=schedules,
        environment=own_environment,
        lock=LOCK,
    output:
        policy=f"{TRAINED}/policy.safetensors",
        half=f"{TRAINED}/half.safetensors",
        curve=f"{TRAINED}/curve.parquet",
        card=f"{TRAINED}/card.json",
    # Experts may come from Snakemake's cache: see collect_jacobians.
    log:
        f"{LOGS}/train_expert/{{environment}}/seed-{{seed}}.log",
        timing=f"{BENCHMARKS}/train_expert/{{environment}}/seed-{{seed}}.tsv",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(600),
    params:
        environment="{environment}",
        seed="{seed}",
    script:
        "../scripts/train_expert.py"
