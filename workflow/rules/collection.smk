# Rollouts and Jacobians: one HDF5 file per environment, behaviour and seed.

SAMPLES = config["collection"]["episodes"] * config["collection"]["steps"]


rule collect_jacobians:
    input:
        library=by_engine(
            mjx=("collection", "policies.behaviours"),
            mujoco_c=("c_engine.collection",),
        ),
        policy=policy_file,
        environment=own_environment,
        model=model_file,
        lock=LOCK,
    output:
        DATA,
    # Datasets may come from Snakemake's cache: their key is made of params and inputs, hence the
    # wildcards among the params, and the job writes its own timing in place of a benchmark.
    log:
        f"{LOGS}/collect_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
        timing=f"{BENCHMARKS}/collect_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv",
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(30 + SAMPLES / 200),
    params:
        environment=full_name,
        behaviour="{behaviour}",
        seed="{seed}",
        collection=config["collection"],
        simulator=config["simulator"],
        jacobian=config["jacobian"],
    script:
        "../scripts/collect_jacobians.py"
