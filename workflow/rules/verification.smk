# Every derivative has an independent check.


rule verify_jacobians:
    input:
        data=DATA,
        library=by_engine(
            mjx=("verification", "dataset"), mujoco_c=("c_engine.verified_tables",)
        ),
        lock=LOCK,
    output:
        samples=STUDY.statistic(ANY, "verification"),
        elements=STUDY.statistic(ANY, "verification_elements"),
        replay=STUDY.statistic(ANY, "replay"),
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
        environment=full_name,
        samples=config["verification"]["samples"],
        methods=config["verification"]["methods"],
        simulator=config["simulator"],
    script:
        "../scripts/verify_jacobians.py"


rule require_verified:
    input:
        table=f"{RESULTS}/tables/verification.parquet",
        library=library("tables.verdicts"),
    output:
        touch(f"{RESULTS}/verified"),
    log:
        f"{LOGS}/require_verified.log",
    conda:
        "../../envs/conda.yaml"
    params:
        least_share=config["verification"]["least_share_right"],
        accepted={
            dataset_name(name): checks
            for name, checks in config["verification"]["accept"].items()
        },
        solver=config["simulator"]["solver"],
    script:
        "../scripts/require_verified.py"
