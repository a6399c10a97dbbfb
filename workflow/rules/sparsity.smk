# Statistics of where and when Jacobians are zero: per seed from HDF5, then merged.

THRESHOLDS = [config["sparsity"]["threshold"], *config["sparsity"]["other_thresholds"]]


rule count_elements:
    input:
        data=DATA,
        library=library("sparsity.elements", "dataset"),
    output:
        STATISTICS + "/elements.parquet",
    log:
        LOGS + "/count_elements/{environment}/{behaviour}/seed-{seed}.log",
    benchmark:
        BENCHMARKS + "/count_elements/{environment}/{behaviour}/seed-{seed}.tsv"
    params:
        thresholds=sorted(set(THRESHOLDS)),
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    script:
        "../scripts/count_elements.py"


rule measure_steps:
    input:
        data=DATA,
        library=library("sparsity.steps", "dataset"),
    output:
        STATISTICS + "/steps.parquet",
    log:
        LOGS + "/measure_steps/{environment}/{behaviour}/seed-{seed}.log",
    benchmark:
        BENCHMARKS + "/measure_steps/{environment}/{behaviour}/seed-{seed}.tsv"
    params:
        threshold=config["sparsity"]["threshold"],
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    script:
        "../scripts/measure_steps.py"


rule measure_durations:
    input:
        data=DATA,
        library=library("sparsity.durations", "dataset"),
    output:
        STATISTICS + "/durations.parquet",
    log:
        LOGS + "/measure_durations/{environment}/{behaviour}/seed-{seed}.log",
    benchmark:
        BENCHMARKS + "/measure_durations/{environment}/{behaviour}/seed-{seed}.tsv"
    params:
        threshold=config["sparsity"]["threshold"],
    resources:
        mem_mb=megabytes(1500),
        runtime=60,
    script:
        "../scripts/measure_durations.py"


rule merge:
    input:
        tables=expand(STATISTICS + "/{statistic}.parquet", seed=SEEDS, allow_missing=True),
        library=library("sparsity.merging", "sparsity.parquet"),
    output:
        MERGED + "/{statistic}.parquet",
    log:
        LOGS + "/merge/{environment}/{behaviour}/{statistic}.log",
    params:
        kind="{statistic}",
    wildcard_constraints:
        statistic="elements|steps|durations|verification",
    resources:
        mem_mb=megabytes(1500),
        runtime=30,
    script:
        "../scripts/merge.py"
