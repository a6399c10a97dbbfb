# Does the next state depend on the solver's warm start, beside state and action?


rule measure_memory:
    input:
        data=DATA,
        library=library("hidden_memory", "dataset"),
        lock=LOCK,
    output:
        STUDY.statistic(ANY, "memory"),
    log:
        f"{LOGS}/measure_memory/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_memory/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(2500),
        runtime=minutes(60 + SAMPLES / 200),
    params:
        solver=config["simulator"]["solver"],
        threshold=config["sparsity"]["threshold"],
        batch=config["collection"]["batch_samples"],
    script:
        "../scripts/measure_memory.py"
