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


for statistic in STATISTICS.values():

    rule:
        name:
            statistic.name
        input:
            patterns=(
                [PATTERNS]
                if statistic.per_seed
                else expand(PATTERNS, seed=SEEDS, allow_missing=True)
            ),
            library=library(*statistic.modules),
        output:
            **statistic.outputs(STUDY),
        log:
            f"{LOGS}/{statistic.name}/{statistic.place}.log",
        benchmark:
            f"{BENCHMARKS}/{statistic.name}/{statistic.place}.tsv"
        conda:
            "../../envs/conda.yaml"
        resources:
            mem_mb=megabytes(1500),
            runtime=minutes(20) if statistic.per_seed else 60,
        params:
            job=statistic.job,
        script:
            "../scripts/statistic.py"


rule merge:
    input:
        tables=expand(
            STUDY.statistic(ANY, "{statistic}"), seed=SEEDS, allow_missing=True
        ),
        library=library("sparsity.merging", "storage.tables"),
    output:
        STUDY.merged(ANY, "{statistic}"),
    log:
        f"{LOGS}/merge/{{environment}}/{{behaviour}}/{{statistic}}.log",
    wildcard_constraints:
        statistic="|".join(PER_SEED),
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        kind="{statistic}",
    script:
        "../scripts/merge.py"


rule model_structure:
    input:
        library=library("environments.structures"),
        environments=lambda _: own_environments(tuple(config["environments"])),
        models=[path for name in NAMES for path in mjcf_files(name)],
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
