# Learners where an input has been moved. Made where table_interventions is asked for; after
# learning.smk, of whose data and networks they are.

MOVED = STUDY.learning(ANY, "interventions.parquet")


rule move_inputs:
    input:
        data=LEARNING_DATA,
        library=library("learning.jobs.interventions"),
        lock=LOCK,
    output:
        MOVED,
    log:
        f"{LOGS}/move_inputs/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/move_inputs/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(120),
    params:
        section=TRAINED_WITH,
        solver=config["simulator"]["solver"],
    script:
        "../scripts/move_inputs.py"


rule score_moved_networks:
    input:
        data=LEARNING_DATA,
        moved=MOVED,
        models=STUDY.learning(ANY, "{learner}/models.safetensors"),
        library=library("learning.jobs.intervened"),
        lock=LOCK,
    output:
        STUDY.learning(ANY, "{learner}/interventions.parquet"),
    log:
        f"{LOGS}/score_moved_networks/{{environment}}/{{behaviour}}/{{learner}}.log",
    benchmark:
        f"{BENCHMARKS}/score_moved_networks/{{environment}}/{{behaviour}}/{{learner}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(120),
    params:
        learner="{learner}",
        section=lambda wildcards: TRAINED_AS[wildcards.learner],
    script:
        "../scripts/score_moved_networks.py"


rule score_moved_controls:
    input:
        data=LEARNING_DATA,
        moved=MOVED,
        library=library("learning.jobs.intervened"),
        lock=LOCK,
    output:
        STUDY.learning(ANY, "controls/interventions.parquet"),
    log:
        f"{LOGS}/score_moved_controls/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/score_moved_controls/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(120),
    params:
        section=TRAINED_WITH,
    script:
        "../scripts/score_moved_controls.py"
