# Expert policies: shipped with the repository, trained here, or the user's own.

# Learning curves of the study's experts; the user's own policies may have none.
CURVES = [
    path
    for environment, behaviour in CASES
    if behaviour == "expert"
    for path in expand(f"{EXPERTS}/curve.parquet", environment=environment, seed=SEEDS)
    if EXPERTS in (SHIPPED, TRAINED) or (ROOT / path).is_file()
]


rule experts:
    input:
        [
            f"{TRAINED}/policy.safetensors".format(environment=environment, seed=seed)
            for environment, behaviour in CASES
            if behaviour == "expert"
            for seed in SEEDS
        ],
    localrule: True


rule train_expert:
    input:
        library=library("policies.experts"),
        schedules=schedules,
        environment=own_environment,
        lock="envs/cpu.txt",
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
