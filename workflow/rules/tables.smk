# Tables: ours beside the paper's, from Parquet alone.


rule table_1:
    input:
        elements=each_case(f"{MERGED}/elements.parquet"),
        published="resources/paper/table1.csv",
        library=library("tables.table_1", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_1.parquet",
        csv=report(
            f"{TABLES}/table_1.csv",
            caption="../report/table_1.rst",
            category="Q1 Global sparsity",
            labels={"item": "Table 1"},
        ),
        md=f"{TABLES}/table_1.md",
    log:
        f"{LOGS}/table_1.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/table_1.py"


rule table_figure_3:
    input:
        elements=each_case(f"{MERGED}/elements.parquet"),
        occurrences=each_case(f"{MERGED}/occurrences.parquet"),
        published="resources/paper/figure_3.csv",
        library=library("tables.table_figure_3", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_figure_3.parquet",
        csv=report(
            f"{TABLES}/table_figure_3.csv",
            caption="../report/table_figure_3.rst",
            category="Q1 Global sparsity",
            labels={"item": "Figure 3, cell by cell"},
        ),
        md=f"{TABLES}/table_figure_3.md",
    log:
        f"{LOGS}/table_figure_3.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/table_figure_3.py"


rule table_figure_3_groups:
    input:
        elements=each_case(f"{MERGED}/elements.parquet"),
        occurrences=each_case(f"{MERGED}/occurrences.parquet"),
        published="resources/paper/figure_3.csv",
        library=library("tables.table_figure_3", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_figure_3_groups.parquet",
        csv=report(
            f"{TABLES}/table_figure_3_groups.csv",
            caption="../report/table_figure_3_groups.rst",
            category="Q1 Global sparsity",
            labels={"item": "Figure 3, by published number"},
        ),
        md=f"{TABLES}/table_figure_3_groups.md",
    log:
        f"{LOGS}/table_figure_3_groups.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/table_figure_3_groups.py"


rule table_a1_1:
    input:
        steps=each_case(f"{MERGED}/steps.parquet"),
        published="resources/paper/table_a1_1.csv",
        library=library("tables.table_a1_1", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_a1_1.parquet",
        csv=report(
            f"{TABLES}/table_a1_1.csv",
            caption="../report/table_a1_1.rst",
            category="Behaviour",
            labels={"item": "Table A1.1"},
        ),
        md=f"{TABLES}/table_a1_1.md",
    log:
        f"{LOGS}/table_a1_1.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_a1_1.py"


rule verification:
    input:
        samples=each_case(f"{MERGED}/verification.parquet"),
        replays=each_case(f"{MERGED}/replay.parquet"),
        library=library("tables.verification", "tables.writing"),
    output:
        parquet=f"{TABLES}/verification.parquet",
        csv=report(
            f"{TABLES}/verification.csv",
            caption="../report/verification.rst",
            category="Verification",
            labels={"item": "Jacobians against finite differences"},
        ),
        md=f"{TABLES}/verification.md",
    log:
        f"{LOGS}/verification.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/verification.py"


rule require_verified:
    input:
        table=f"{TABLES}/verification.parquet",
        library=library("tables.verification"),
    output:
        touch(f"{RESULTS}/verified"),
    log:
        f"{LOGS}/require_verified.log",
    conda:
        "../../envs/conda.yaml"
    params:
        least_share=config["verification"]["least_share_right"],
        accepted=config["verification"]["accept"],
    script:
        "../scripts/require_verified.py"


ITEMS.append(f"{RESULTS}/verified")
ITEMS += [
    f"{TABLES}/{name}.parquet"
    for name in (
        "table_1",
        "table_figure_3",
        "table_figure_3_groups",
        "table_a1_1",
        "verification",
    )
]
