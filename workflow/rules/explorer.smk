# Pages on which episodes are looked at, from the data themselves.

EXPLORER = f"{RESULTS}/explorer/{{environment}}-{{behaviour}}.html"


rule explore:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        structure=STUDY.structure(),
        three=str(Path(PROJECT, "resources/explorer/three.min.js")),
        web=sorted(map(str, Path(PROJECT, "src/dynsparse/explorer/web").iterdir())),
        library=library("explorer.case", "explorer.view", "environments.playground"),
        lock=LOCK,
    output:
        EXPLORER,
    log:
        f"{LOGS}/explore/{{environment}}/{{behaviour}}.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        environment=full_name,
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/explore.py"


rule explorer:
    input:
        [EXPLORER.format(**case._asdict()) for case in STUDY.cases],
    localrule: True
