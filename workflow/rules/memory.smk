# Does the next state depend on the solver's warm start, beside state and action?


rule measure_memory:
    input:
        data=DATA,
        library=library("hidden_memory", "dataset"),
        lock="envs/cpu.txt",
    output:
        f"{STATISTICS}/memory.parquet",
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


rule table_memory:
    input:
        memory=merged("memory"),
        library=library("tables.table_memory", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_memory.parquet",
        csv=report(
            f"{TABLES}/table_memory.csv",
            caption="../report/table_memory.rst",
            category="Verification",
            labels={"item": "What the solver's warm start changes"},
        ),
        md=f"{TABLES}/table_memory.md",
    log:
        f"{LOGS}/table_memory.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_memory.py"


ITEMS.append(f"{TABLES}/table_memory.parquet")
