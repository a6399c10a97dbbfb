# Rollouts and Jacobians: one HDF5 file per environment, behaviour and seed.


rule collect_jacobians:
    input:
        library=library("collection", "policies.behaviours"),
        policy=policy_file,
        lock="envs/cpu.txt",
    output:
        DATA,
    log:
        f"{LOGS}/collect_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/collect_jacobians/{{environment}}/{{behaviour}}/seed-{{seed}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=240,
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        seed="{seed}",
        collection=config["collection"],
        simulator=config["simulator"],
        jacobian=config["jacobian"],
    script:
        "../scripts/collect_jacobians.py"
