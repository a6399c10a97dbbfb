# Statistics of where and when Jacobians are zero. One pass over each HDF5 file leaves packed zero
# patterns; all else is computed from these, per seed, then merged.

THRESHOLDS = [config["sparsity"]["threshold"], *config["sparsity"]["other_thresholds"]]
PATTERNS = STUDY.statistic(ANY, "patterns")


rule measure_patterns:
    input:
        data=DATA,
        library=library("sparsity.scan", "dataset"),
    output:
        patterns=PATTERNS,
        elements=STUDY.statistic(ANY, "elements"),
        sparsities=STUDY.statistic(ANY, "sparsities"),
    log:
        f"{LOGS}/measure_patterns/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_patterns/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(20),
    params:
        thresholds=sorted(set(THRESHOLDS)),
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/measure_patterns.py"


rule measure_steps:
    input:
        patterns=PATTERNS,
        library=library("sparsity.steps"),
    output:
        STUDY.statistic(ANY, "steps"),
    log:
        f"{LOGS}/measure_steps/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_steps/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(20),
    script:
        "../scripts/measure_steps.py"


rule measure_durations:
    input:
        patterns=PATTERNS,
        library=library("sparsity.durations", "sparsity.strides"),
    output:
        durations=STUDY.statistic(ANY, "durations"),
        strides=STUDY.statistic(ANY, "strides"),
    log:
        f"{LOGS}/measure_durations/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_durations/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(20),
    script:
        "../scripts/measure_durations.py"


rule merge:
    input:
        tables=expand(
            STUDY.statistic(ANY, "{statistic}"), seed=SEEDS, allow_missing=True
        ),
        library=library("sparsity.merging", "sparsity.parquet"),
    output:
        STUDY.merged(ANY, "{statistic}"),
    log:
        f"{LOGS}/merge/{{environment}}/{{behaviour}}/{{statistic}}.log",
    wildcard_constraints:
        statistic="elements|sparsities|steps|durations|strides|verification|verification_elements|replay|memory",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        kind="{statistic}",
    script:
        "../scripts/merge.py"


rule describe_patterns:
    input:
        patterns=expand(PATTERNS, seed=SEEDS, allow_missing=True),
        library=library(
            "sparsity.events",
            "sparsity.exceptions",
            "sparsity.information",
            "sparsity.merging",
            "sparsity.occurrences",
        ),
    output:
        occurrences=STUDY.merged(ANY, "occurrences"),
        exceptions=STUDY.merged(ANY, "exceptions"),
        events=STUDY.merged(ANY, "events"),
        information=STUDY.merged(ANY, "information"),
    log:
        f"{LOGS}/describe_patterns/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/describe_patterns/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    script:
        "../scripts/describe_patterns.py"


rule model_structure:
    input:
        library=library("sparsity.models"),
        environments=lambda _: own_environments(tuple(config["environments"])),
        lock=LOCK,
    output:
        STUDY.structure(),
    log:
        f"{LOGS}/model_structure.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=30,
    params:
        environments=list(config["environments"]),
    script:
        "../scripts/model_structure.py"
