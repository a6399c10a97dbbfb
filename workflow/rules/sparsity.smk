# Statistics of where and when Jacobians are zero: per seed from HDF5, then merged.

THRESHOLDS = [config["sparsity"]["threshold"], *config["sparsity"]["other_thresholds"]]


rule count_elements:
    input:
        data=DATA,
        library=library("sparsity.elements", "dataset"),
    output:
        f"{STATISTICS}/elements.parquet",
    log:
        f"{LOGS}/count_elements/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/count_elements/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    params:
        thresholds=sorted(set(THRESHOLDS)),
    script:
        "../scripts/count_elements.py"


rule measure_steps:
    input:
        data=DATA,
        library=library("sparsity.steps", "dataset"),
    output:
        f"{STATISTICS}/steps.parquet",
    log:
        f"{LOGS}/measure_steps/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_steps/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/measure_steps.py"


rule measure_durations:
    input:
        data=DATA,
        library=library("sparsity.durations", "dataset"),
    output:
        f"{STATISTICS}/durations.parquet",
    log:
        f"{LOGS}/measure_durations/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_durations/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/measure_durations.py"


rule merge:
    input:
        tables=expand(
            f"{STATISTICS}/{{statistic}}.parquet", seed=SEEDS, allow_missing=True
        ),
        library=library("sparsity.merging", "sparsity.parquet"),
    output:
        f"{MERGED}/{{statistic}}.parquet",
    log:
        f"{LOGS}/merge/{{environment}}/{{behaviour}}/{{statistic}}.log",
    wildcard_constraints:
        statistic="elements|steps|durations|verification",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=30,
    params:
        kind="{statistic}",
    script:
        "../scripts/merge.py"
