# World models: every learner trained, scored against the true zeros, compared.

LEARNING = config["learning"]
# What training depends on; the rest of the section only chooses what is shown.
TRAINED_WITH = {
    name: value
    for name, value in LEARNING.items()
    if name not in ("environments", "learners", "search", "threshold")
} | {"zero_threshold": config["sparsity"]["threshold"]}
# What the training of one learner depends on.
TRAINED_AS = {
    name: TRAINED_WITH | {"learners": {name: learner}}
    for name, learner in LEARNING["learners"].items()
}
LEARNED_KINDS = ["curves", "dimensions", "sparsity", "recovery", "rollout"]
RUNS = LEARNING["search"]["runs"]
# What is learned, and what is only tested on.
LEARNING_DATA = expand(
    [DATA, *(STUDY.data(ANY._replace(behaviour=kind)) for kind in STUDY.elsewhere)],
    seed=SEEDS,
    allow_missing=True,
)
# Pooled samples are held in float32, with copies for the device: 14 kB each in large
# environments. One behaviour at a time is tested on.
LEARNING_MB = (
    2000
    + (2 if STUDY.elsewhere else 1)
    * len(SEEDS)
    * config["collection"]["episodes"]
    * config["collection"]["steps"]
    // 70
)


wildcard_constraints:
    # Not `controls` or `search`, which lie beside them.
    learner="|".join(LEARNING["learners"]),
    run="[a-z0-9_]+",


rule train_models:
    input:
        data=LEARNING_DATA,
        library=library("learning.jobs.train"),
        lock=LOCK,
    output:
        **{
            kind: STUDY.learning(ANY, f"{{learner}}/{kind}.parquet")
            for kind in LEARNED_KINDS
        },
        models=STUDY.learning(ANY, "{learner}/models.safetensors"),
    log:
        f"{LOGS}/train_models/{{environment}}/{{behaviour}}/{{learner}}.log",
    benchmark:
        f"{BENCHMARKS}/train_models/{{environment}}/{{behaviour}}/{{learner}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(480),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        learner="{learner}",
        section=lambda wildcards: TRAINED_AS[wildcards.learner],
    script:
        "../scripts/train_models.py"


rule score_controls:
    input:
        data=LEARNING_DATA,
        library=library("learning.jobs.controls"),
    output:
        **{
            kind: STUDY.learning(ANY, f"controls/{kind}.parquet")
            for kind in LEARNED_KINDS
        },
    log:
        f"{LOGS}/score_controls/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/score_controls/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(120),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        section=TRAINED_WITH,
    script:
        "../scripts/score_controls.py"


rule search_settings:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        library=library("learning.jobs.search"),
        lock=LOCK,
    output:
        STUDY.learning(ANY, "search/{run}.parquet"),
    log:
        f"{LOGS}/search_settings/{{environment}}/{{behaviour}}/{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/search_settings/{{environment}}/{{behaviour}}/{{run}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(1440),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        run="{run}",
        section=lambda wildcards: TRAINED_WITH
        | {
            "search": LEARNING["search"]
            | {"runs": {wildcards.run: RUNS[wildcards.run]}}
        },
    script:
        "../scripts/search_settings.py"
