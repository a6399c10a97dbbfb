# Every derivative has an independent check.


rule verify_jacobians:
    input:
        data=DATA,
        library=library("verification", "dataset"),
        lock="envs/cpu.txt",
    output:
        STATISTICS + "/verification.parquet",
    log:
        LOGS + "/verify_jacobians/{environment}/{behaviour}/seed-{seed}.log",
    benchmark:
        BENCHMARKS + "/verify_jacobians/{environment}/{behaviour}/seed-{seed}.tsv"
    params:
        samples=config["verification"]["samples"],
        simulator=config["simulator"],
    resources:
        mem_mb=megabytes(4000),
        runtime=120,
    script:
        "../scripts/verify_jacobians.py"
