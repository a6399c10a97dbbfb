# Every derivative has an independent check.


rule verify_jacobians:
    input:
        data=DATA,
        library=library("verification", "dataset"),
        lock="envs/cpu.txt",
    output:
        samples=f"{STATISTICS}/verification.parquet",
        elements=f"{STATISTICS}/verification_elements.parquet",
        replay=f"{STATISTICS}/replay.parquet",
    log:
        f"{LOGS}/verify_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/verify_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        samples=config["verification"]["samples"],
        methods=config["verification"]["methods"],
        simulator=config["simulator"],
    script:
        "../scripts/verify_jacobians.py"
