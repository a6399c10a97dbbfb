# Tables: ours beside the paper's, from Parquet alone.


rule table_1:
    input:
        elements=each_case(MERGED + "/elements.parquet"),
        published="resources/paper/table1.csv",
        library=library("tables.table_1", "tables.published", "tables.writing"),
    output:
        parquet=TABLES + "/table_1.parquet",
        csv=report(
            TABLES + "/table_1.csv",
            caption="../report/table_1.rst",
            category="Q1 Global sparsity",
            labels={"item": "Table 1"},
        ),
        md=TABLES + "/table_1.md",
    log:
        LOGS + "/table_1.log",
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/table_1.py"


rule table_a1_1:
    input:
        steps=each_case(MERGED + "/steps.parquet"),
        published="resources/paper/table_a1_1.csv",
        library=library("tables.table_a1_1", "tables.published", "tables.writing"),
    output:
        parquet=TABLES + "/table_a1_1.parquet",
        csv=report(
            TABLES + "/table_a1_1.csv",
            caption="../report/table_a1_1.rst",
            category="Behaviour",
            labels={"item": "Table A1.1"},
        ),
        md=TABLES + "/table_a1_1.md",
    log:
        LOGS + "/table_a1_1.log",
    script:
        "../scripts/table_a1_1.py"


rule verification:
    input:
        tables=each_case(MERGED + "/verification.parquet"),
        library=library("tables.verification", "tables.writing"),
    output:
        parquet=TABLES + "/verification.parquet",
        csv=report(
            TABLES + "/verification.csv",
            caption="../report/verification.rst",
            category="Verification",
            labels={"item": "Jacobians against finite differences"},
        ),
        md=TABLES + "/verification.md",
    log:
        LOGS + "/verification.log",
    script:
        "../scripts/verification.py"


ITEMS += [f"{TABLES}/{name}.parquet" for name in ("table_1", "table_a1_1", "verification")]
