# Does an output move when an input is redrawn? Made where table_influence is asked for.


rule measure_influence:
    input:
        data=DATA,
        library=library("finite_influence", "dataset"),
        lock=LOCK,
    output:
        STUDY.statistic(ANY, "influence"),
    log:
        f"{LOGS}/measure_influence/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_influence/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30 + SAMPLES / 2000),
    params:
        solver=config["simulator"]["solver"],
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/measure_influence.py"
