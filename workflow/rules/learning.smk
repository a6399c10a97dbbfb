# World models: trained under each loss, scored against the true zeros, compared.

LEARNING = config["learning"]
# What training depends on; the rest of the section only chooses what is shown.
TRAINED_WITH = {
    name: value
    for name, value in LEARNING.items()
    if name not in ("environments", "losses", "search", "threshold")
} | {"zero_threshold": config["sparsity"]["threshold"]}
LEARNING_CASES = [case for case in CASES if case[0] in LEARNING["environments"]]
LEARNED = f"{RESULTS}/learning/{{environment}}/{{behaviour}}"
LEARNED_KINDS = ["curves", "dimensions", "sparsity", "recovery", "rollout"]
RUNS = LEARNING["search"]["runs"]
# Pooled samples are held in float32, with copies for the device: 12.5 kB each in large
# environments.
LEARNING_MB = (
    2000
    + len(SEEDS)
    * config["collection"]["episodes"]
    * (config["collection"]["steps"])
    // 80
)
# The paper's tables of mean ranks, by the search run behind each.
RANK_TABLES = {
    "run_1": ["3", "4", "5", "6"],
    "run_2": ["9", "10", "11"],
    "run_3": ["13"],
}
SEARCHED = {number: run for run in RUNS for number in RANK_TABLES.get(run, [])}


wildcard_constraints:
    loss="[a-z0-9-]+",
    run="[a-z0-9_]+",
    number=r"\d+",


rule train_models:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        library=library("learning.study"),
        lock="envs/cpu.txt",
    output:
        **{kind: f"{LEARNED}/{{loss}}/{kind}.parquet" for kind in LEARNED_KINDS},
        models=f"{LEARNED}/{{loss}}/models.safetensors",
    log:
        f"{LOGS}/train_models/{{environment}}/{{behaviour}}/{{loss}}.log",
    benchmark:
        f"{BENCHMARKS}/train_models/{{environment}}/{{behaviour}}/{{loss}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(480),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        loss="{loss}",
        section=lambda wildcards: TRAINED_WITH
        | {"losses": {wildcards.loss: LEARNING["losses"][wildcards.loss]}},
    script:
        "../scripts/train_models.py"


rule score_controls:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        library=library("learning.control_study"),
    output:
        f"{LEARNED}/controls.parquet",
    log:
        f"{LOGS}/score_controls/{{environment}}/{{behaviour}}.log",
    benchmark:
        f"{BENCHMARKS}/score_controls/{{environment}}/{{behaviour}}.tsv"
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(120),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        section=TRAINED_WITH,
    script:
        "../scripts/score_controls.py"


rule search_settings:
    input:
        data=expand(DATA, seed=SEEDS, allow_missing=True),
        library=library("learning.search"),
        lock="envs/cpu.txt",
    output:
        f"{LEARNED}/search/{{run}}.parquet",
    log:
        f"{LOGS}/search_settings/{{environment}}/{{behaviour}}/{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/search_settings/{{environment}}/{{behaviour}}/{{run}}.tsv"
    conda:
        "../../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(LEARNING_MB),
        runtime=minutes(1440),
    params:
        environment="{environment}",
        behaviour="{behaviour}",
        run="{run}",
        section=lambda wildcards: TRAINED_WITH
        | {
            "search": LEARNING["search"]
            | {"runs": {wildcards.run: RUNS[wildcards.run]}}
        },
    script:
        "../scripts/search_settings.py"


rule figure_8:
    input:
        curves=each_training("curves"),
        sparsity=each_training("sparsity"),
        library=library("figures.figure_8"),
    output:
        svg=report(
            f"{FIGURES}/figure_8.svg",
            caption="../report/figure_8.rst",
            category="Q4 Learning",
            labels={"item": "Figure 8"},
        ),
        png=f"{FIGURES}/figure_8.png",
    log:
        f"{LOGS}/figure_8.log",
    conda:
        "../../envs/conda.yaml"
    params:
        split=LEARNING["splits"][0],
        threshold=LEARNING["threshold"],
    script:
        "../scripts/figure_8.py"


rule figure_a2_1:
    input:
        curves=each_training("curves"),
        library=library("figures.figure_a2_1"),
    output:
        svg=report(
            f"{FIGURES}/figure_a2_1.svg",
            caption="../report/figure_a2_1.rst",
            category="Q4 Learning",
            labels={"item": "Figure A2.1"},
        ),
        png=f"{FIGURES}/figure_a2_1.png",
    log:
        f"{LOGS}/figure_a2_1.log",
    conda:
        "../../envs/conda.yaml"
    params:
        split=LEARNING["splits"][0],
    script:
        "../scripts/figure_a2_1.py"


rule figure_a2_2:
    input:
        sparsity=each_training("sparsity"),
        library=library("figures.figure_a2_2"),
    output:
        svg=report(
            f"{FIGURES}/figure_a2_2.svg",
            caption="../report/figure_a2_2.rst",
            category="Q4 Learning",
            labels={"item": "Figure A2.2"},
        ),
        png=f"{FIGURES}/figure_a2_2.png",
    log:
        f"{LOGS}/figure_a2_2.log",
    conda:
        "../../envs/conda.yaml"
    params:
        split=LEARNING["splits"][0],
        threshold=LEARNING["threshold"],
    script:
        "../scripts/figure_a2_2.py"


rule figure_rollout:
    input:
        rollout=each_training("rollout"),
        library=library("figures.figure_rollout"),
    output:
        svg=report(
            f"{FIGURES}/figure_rollout.svg",
            caption="../report/figure_rollout.rst",
            category="Q4 Learning",
            labels={"item": "Errors in open loop"},
        ),
        png=f"{FIGURES}/figure_rollout.png",
    log:
        f"{LOGS}/figure_rollout.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_rollout.py"


rule figure_thresholds:
    input:
        sparsity=each_training("sparsity"),
        library=library("figures.figure_thresholds"),
    output:
        svg=report(
            f"{FIGURES}/figure_thresholds.svg",
            caption="../report/figure_thresholds.rst",
            category="Q4 Learning",
            labels={"item": "Thresholds of a network's zeros"},
        ),
        png=f"{FIGURES}/figure_thresholds.png",
    log:
        f"{LOGS}/figure_thresholds.log",
    conda:
        "../../envs/conda.yaml"
    params:
        split=LEARNING["splits"][0],
    script:
        "../scripts/figure_thresholds.py"


rule figure_depth:
    input:
        searches=each_learning_case(f"{LEARNED}/search/depth.parquet"),
        library=library("figures.figure_depth"),
    output:
        svg=report(
            f"{FIGURES}/figure_depth.svg",
            caption="../report/figure_depth.rst",
            category="Q4 Learning",
            labels={"item": "Depth of the network"},
        ),
        png=f"{FIGURES}/figure_depth.png",
    log:
        f"{LOGS}/figure_depth.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_depth.py"


rule table_8:
    input:
        curves=each_training("curves"),
        sparsity=each_training("sparsity"),
        recovery=each_training("recovery"),
        library=library("tables.table_8", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_8.parquet",
        csv=report(
            f"{TABLES}/table_8.csv",
            caption="../report/table_8.rst",
            category="Q4 Learning",
            labels={"item": "Numbers behind Figure 8"},
        ),
        md=f"{TABLES}/table_8.md",
        pairs=f"{TABLES}/table_8_pairs.parquet",
        pairs_csv=report(
            f"{TABLES}/table_8_pairs.csv",
            caption="../report/table_8_pairs.rst",
            category="Q4 Learning",
            labels={"item": "Losses compared in pairs"},
        ),
        pairs_md=f"{TABLES}/table_8_pairs.md",
    log:
        f"{LOGS}/table_8.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=LEARNING["threshold"],
    script:
        "../scripts/table_8.py"


rule table_recovery:
    input:
        recovery=each_training("recovery"),
        controls=each_learning_case(f"{LEARNED}/controls.parquet"),
        library=library("tables.table_recovery", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_recovery.parquet",
        csv=report(
            f"{TABLES}/table_recovery.csv",
            caption="../report/table_recovery.rst",
            category="Q4 Learning",
            labels={"item": "Recovery of the zeros"},
        ),
        md=f"{TABLES}/table_recovery.md",
    log:
        f"{LOGS}/table_recovery.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_recovery.py"


rule table_a2_1:
    input:
        published="resources/paper/table_a2_1.csv",
        library=library("tables.table_a2", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_a2_1.parquet",
        csv=report(
            f"{TABLES}/table_a2_1.csv",
            caption="../report/table_a2_1.rst",
            category="Q4 Learning",
            labels={"item": "Table A2.1"},
        ),
        md=f"{TABLES}/table_a2_1.md",
    log:
        f"{LOGS}/table_a2_1.log",
    conda:
        "../../envs/conda.yaml"
    params:
        section=LEARNING,
        episodes=len(SEEDS) * config["collection"]["episodes"],
    script:
        "../scripts/table_a2_1.py"


rule rank_settings:
    input:
        searches=lambda wildcards: each_learning_case(
            f"{LEARNED}/search/{SEARCHED[wildcards.number]}.parquet"
        ),
        published="resources/paper/table_a2.csv",
        library=library("tables.table_a2", "tables.writing"),
    output:
        parquet=f"{TABLES}/hyperparameters/table_a2_{{number}}.parquet",
        csv=report(
            f"{TABLES}/hyperparameters/table_a2_{{number}}.csv",
            caption="../report/table_a2_ranks.rst",
            category="Q4 Learning",
            subcategory="Hyperparameters",
            labels={"item": "Table A2.{number}"},
        ),
        md=f"{TABLES}/hyperparameters/table_a2_{{number}}.md",
    log:
        f"{LOGS}/rank_settings/{{number}}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        number="{number}",
    script:
        "../scripts/rank_settings.py"


# A study of its own, and a long one: asked for by name, not part of `all`.
rule hyperparameters:
    input:
        expand(f"{TABLES}/hyperparameters/table_a2_{{number}}.parquet", number=SEARCHED),
        f"{TABLES}/table_a2_1.parquet",
    localrule: True


if LEARNING_CASES:
    ITEMS += [
        f"{FIGURES}/{name}.svg"
        for name in (
            "figure_8",
            "figure_a2_1",
            "figure_a2_2",
            "figure_rollout",
            "figure_thresholds",
        )
    ]
    ITEMS += [
        f"{TABLES}/{name}.parquet"
        for name in ("table_8", "table_recovery", "table_a2_1")
    ]
    if "depth" in RUNS:
        ITEMS.append(f"{FIGURES}/figure_depth.svg")
