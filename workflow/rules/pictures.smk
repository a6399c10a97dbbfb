# What is looked at: a map of the samples of a case, and pictures of the simulation.

# One core suits a few thousand samples, and leaves the others to the next environment.
MOST_ON_ONE_CORE = 10_000


rule embed:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        steps=STUDY.merged(ANY, "steps"),
        library=library("embedding.tsne"),
    output:
        STUDY.merged(ANY, "embedding"),
    log:
        f"{LOGS}/embed/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/embed/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1 if config["embedding"]["samples"] <= MOST_ON_ONE_CORE else 2
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(60),
    params:
        embedding=config["embedding"],
    script:
        "../scripts/embed.py"


rule render:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        steps=STUDY.merged(ANY, "steps"),
        library=library("rendering.case", "rendering.draw", "environments.models"),
        lock=LOCK,
    output:
        STUDY.merged(ANY, "frames"),
    log:
        f"{LOGS}/render/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/render/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        environment=full_name,
    script:
        "../scripts/render.py"
