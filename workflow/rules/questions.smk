# The paper's first three questions past its own items: what is structural, which patterns, how long
# they last, and whether the answers stand. All from Parquet alone.

THRESHOLD = config["sparsity"]["threshold"]


rule table_1_seeds:
    input:
        elements=merged("elements"),
        steps=merged("steps"),
        library=library("tables.table_1_seeds", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_1_seeds.parquet",
        csv=report(
            f"{TABLES}/table_1_seeds.csv",
            caption="../report/table_1_seeds.rst",
            category="Q1 Global sparsity",
            labels={"item": "Table 1, seed by seed"},
        ),
        md=f"{TABLES}/table_1_seeds.md",
    log:
        f"{LOGS}/table_1_seeds.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=THRESHOLD,
    script:
        "../scripts/table_1_seeds.py"


rule table_structure:
    input:
        elements=merged("elements"),
        structure=f"{RESULTS}/structure.parquet",
        published="resources/paper/table1.csv",
        library=library("tables.table_structure", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_structure.parquet",
        csv=report(
            f"{TABLES}/table_structure.csv",
            caption="../report/table_structure.rst",
            category="Q1 Global sparsity",
            labels={"item": "Structural, observed and contingent zeros"},
        ),
        md=f"{TABLES}/table_structure.md",
    log:
        f"{LOGS}/table_structure.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=THRESHOLD,
    script:
        "../scripts/table_structure.py"


rule table_zero_elements:
    input:
        elements=merged("elements"),
        exceptions=merged("exceptions"),
        structure=f"{RESULTS}/structure.parquet",
        library=library("tables.table_zero_elements", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_zero_elements.parquet",
        csv=report(
            f"{TABLES}/table_zero_elements.csv",
            caption="../report/table_zero_elements.rst",
            category="Q1 Global sparsity",
            labels={"item": "Elements that are (nearly) always zero"},
        ),
        md=f"{TABLES}/table_zero_elements.md",
    log:
        f"{LOGS}/table_zero_elements.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=THRESHOLD,
    script:
        "../scripts/table_zero_elements.py"


rule table_patterns:
    input:
        occurrences=merged("occurrences"),
        information=merged("information"),
        library=library("tables.table_patterns", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_patterns.parquet",
        csv=report(
            f"{TABLES}/table_patterns.csv",
            caption="../report/table_patterns.rst",
            category="Q2 State dependence",
            labels={"item": "Zero patterns and what contacts tell of them"},
        ),
        md=f"{TABLES}/table_patterns.md",
    log:
        f"{LOGS}/table_patterns.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_patterns.py"


rule table_contacts:
    input:
        occurrences=merged("occurrences"),
        library=library("tables.table_contacts", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_contacts.parquet",
        csv=report(
            f"{TABLES}/table_contacts.csv",
            caption="../report/table_contacts.rst",
            category="Q2 State dependence",
            labels={"item": "Sparsity with and without each contact"},
        ),
        md=f"{TABLES}/table_contacts.md",
    log:
        f"{LOGS}/table_contacts.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_contacts.py"


rule table_durations:
    input:
        strides=merged("strides"),
        library=library("tables.table_durations", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_durations.parquet",
        csv=report(
            f"{TABLES}/table_durations.csv",
            caption="../report/table_durations.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Durations, with cut runs as censored"},
        ),
        md=f"{TABLES}/table_durations.md",
    log:
        f"{LOGS}/table_durations.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_durations.py"


rule table_element_durations:
    input:
        durations=merged("durations"),
        occurrences=merged("occurrences"),
        library=library("tables.table_durations", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_element_durations.parquet",
        csv=report(
            f"{TABLES}/table_element_durations.csv",
            caption="../report/table_element_durations.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Durations, element by element"},
        ),
        md=f"{TABLES}/table_element_durations.md",
    log:
        f"{LOGS}/table_element_durations.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/table_element_durations.py"


rule figure_a3_1:
    input:
        tables=merged("elements"),
        library=library("figures.figure_a3_1"),
    output:
        svg=report(
            f"{FIGURES}/figure_a3_1.svg",
            caption="../report/figure_a3_1.rst",
            category="Q2 State dependence",
            labels={"item": "Figure A3.1"},
        ),
        png=f"{FIGURES}/figure_a3_1.png",
    log:
        f"{LOGS}/figure_a3_1.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=THRESHOLD,
    script:
        "../scripts/figure_a3_1.py"


rule figure_a3_2:
    input:
        tables=merged("sparsities"),
        library=library("figures.figure_a3_2"),
    output:
        svg=report(
            f"{FIGURES}/figure_a3_2.svg",
            caption="../report/figure_a3_2.rst",
            category="Q2 State dependence",
            labels={"item": "Figure A3.2"},
        ),
        png=f"{FIGURES}/figure_a3_2.png",
    log:
        f"{LOGS}/figure_a3_2.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=THRESHOLD,
    script:
        "../scripts/figure_a3_2.py"


rule figure_a3_3:
    input:
        tables=merged("steps"),
        library=library("figures.figure_a3_3"),
    output:
        svg=report(
            f"{FIGURES}/figure_a3_3.svg",
            caption="../report/figure_a3_3.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Figure A3.3"},
        ),
        png=f"{FIGURES}/figure_a3_3.png",
    log:
        f"{LOGS}/figure_a3_3.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_a3_3.py"


rule figure_survival:
    input:
        tables=merged("durations"),
        library=library("figures.figure_survival"),
    output:
        svg=report(
            f"{FIGURES}/figure_survival.svg",
            caption="../report/figure_survival.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Durations, with cut runs as censored"},
        ),
        png=f"{FIGURES}/figure_survival.png",
    log:
        f"{LOGS}/figure_survival.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_survival.py"


rule figure_contact_events:
    input:
        tables=merged("events"),
        library=library("figures.figure_contact_events"),
    output:
        svg=report(
            f"{FIGURES}/figure_contact_events.svg",
            caption="../report/figure_contact_events.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Sparsity around contacts"},
        ),
        png=f"{FIGURES}/figure_contact_events.png",
    log:
        f"{LOGS}/figure_contact_events.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_contact_events.py"


ITEMS += [
    f"{TABLES}/table_{name}.parquet"
    for name in (
        "1_seeds",
        "structure",
        "zero_elements",
        "patterns",
        "contacts",
        "durations",
        "element_durations",
    )
]
ITEMS += [
    f"{FIGURES}/figure_{name}.svg"
    for name in ("a3_1", "a3_2", "a3_3", "survival", "contact_events")
]
