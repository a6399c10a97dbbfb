# Expert policies: shipped with the repository, trained here, or the user's own.

EXPERT = f"{TRAINED}{{environment}}/seed-{{seed}}"


rule experts:
    input:
        [
            policy(case.environment, "expert", seed)
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
        policy=f"{EXPERT}/policy.safetensors",
        half=f"{EXPERT}/half.safetensors",
        curve=f"{EXPERT}/curve.parquet",
        card=f"{EXPERT}/card.json",
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
