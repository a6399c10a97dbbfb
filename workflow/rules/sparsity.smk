# Statistics of where and when Jacobians are zero. One pass over each HDF5 file leaves packed zero
# patterns, and tables that are merged over seeds; all else is counted in the patterns of all seeds.

THRESHOLDS = [config["sparsity"]["threshold"], *config["sparsity"]["other_thresholds"]]
PATTERNS = STUDY.statistic(ANY, "patterns")


rule measure_patterns:
    input:
        data=DATA,
        library=library("sparsity.scan", "dataset"),
    output:
        **{kind: STUDY.statistic(ANY, kind) for kind in MERGES["merge_patterns"]},
        patterns=PATTERNS,
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


rule describe_patterns:
    input:
        patterns=expand(PATTERNS, seed=SEEDS, allow_missing=True),
        library=library(*describing()),
    output:
        **described(STUDY),
    log:
        f"{LOGS}/describe_patterns/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/describe_patterns/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(60),
    params:
        counts=COUNTS,
        compares=COMPARES,
    script:
        "../scripts/describe_patterns.py"


for merged, kinds in MERGES.items():

    rule:
        name:
            merged
        input:
            **{
                kind: expand(
                    STUDY.statistic(ANY, kind), seed=SEEDS, allow_missing=True
                )
                for kind in kinds
            },
            library=library("study.merging"),
        output:
            **{kind: STUDY.merged(ANY, kind) for kind in kinds},
        log:
            f"{LOGS}/{merged}/{{environment}}/{{behaviour}}.log",
        conda:
            "../../envs/conda.yaml"
        resources:
            mem_mb=megabytes(1500),
            runtime=minutes(30),
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
