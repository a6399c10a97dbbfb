# Figures, drawn from Parquet alone. Each target is named after the published figure.


rule figure_1:
    input:
        frames=each_case(f"{MERGED}/frames.parquet"),
        library=library("figures.figure_1"),
    output:
        svg=report(
            f"{FIGURES}/figure_1.svg",
            caption="../report/figure_1.rst",
            category="Environments",
            labels={"item": "Figure 1"},
        ),
        png=f"{FIGURES}/figure_1.png",
    log:
        f"{LOGS}/figure_1.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_1.py"


rule draw_figure_3:
    input:
        elements=f"{MERGED}/elements.parquet",
        library=library("figures.figure_3"),
    output:
        svg=report(
            f"{FIGURES}/figure_3/{{environment}}-{{behaviour}}.svg",
            caption="../report/figure_3.rst",
            category="Q1 Global sparsity",
            labels={
                "item": "Figure 3",
                "environment": "{environment}",
                "behaviour": "{behaviour}",
            },
        ),
        png=f"{FIGURES}/figure_3/{{environment}}-{{behaviour}}.png",
    log:
        f"{LOGS}/figure_3/{{environment}}-{{behaviour}}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/figure_3.py"


rule figure_3:
    input:
        each_case(f"{FIGURES}/figure_3/{{environment}}-{{behaviour}}.svg"),
    localrule: True


rule draw_figure_4:
    input:
        embedding=f"{MERGED}/embedding.parquet",
        frames=f"{MERGED}/frames.parquet",
        library=library("figures.figure_4"),
    output:
        svg=report(
            f"{FIGURES}/figure_4/{{environment}}-{{behaviour}}.svg",
            caption="../report/figure_4.rst",
            category="Q2 State dependence",
            labels={
                "item": "Figure 4",
                "environment": "{environment}",
                "behaviour": "{behaviour}",
            },
        ),
        png=f"{FIGURES}/figure_4/{{environment}}-{{behaviour}}.png",
    log:
        f"{LOGS}/figure_4/{{environment}}-{{behaviour}}.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_4.py"


rule figure_4:
    input:
        each_case(f"{FIGURES}/figure_4/{{environment}}-{{behaviour}}.svg"),
    localrule: True


rule draw_summary:
    input:
        elements=f"{MERGED}/elements.parquet",
        steps=f"{MERGED}/steps.parquet",
        durations=f"{MERGED}/durations.parquet",
        embedding=f"{MERGED}/embedding.parquet",
        frames=f"{MERGED}/frames.parquet",
        library=library("figures.summary"),
    output:
        svg=report(
            f"{FIGURES}/summary/{{environment}}-{{behaviour}}.svg",
            caption="../report/summary.rst",
            category="Environments",
            labels={
                "item": "On one page",
                "environment": "{environment}",
                "behaviour": "{behaviour}",
            },
        ),
        png=f"{FIGURES}/summary/{{environment}}-{{behaviour}}.png",
    log:
        f"{LOGS}/summary/{{environment}}-{{behaviour}}.log",
    conda:
        "../../envs/conda.yaml"
    params:
        threshold=config["sparsity"]["threshold"],
    script:
        "../scripts/summary.py"


rule summaries:
    input:
        each_case(f"{FIGURES}/summary/{{environment}}-{{behaviour}}.svg"),
    localrule: True


rule figure_5:
    input:
        tables=each_case(f"{MERGED}/steps.parquet"),
        library=library("figures.figure_5"),
    output:
        svg=report(
            f"{FIGURES}/figure_5.svg",
            caption="../report/figure_5.rst",
            category="Q2 State dependence",
            labels={"item": "Figure 5"},
        ),
        png=f"{FIGURES}/figure_5.png",
    log:
        f"{LOGS}/figure_5.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_5.py"


rule figure_6:
    input:
        tables=each_case(f"{MERGED}/steps.parquet"),
        library=library("figures.figure_6"),
    output:
        svg=report(
            f"{FIGURES}/figure_6.svg",
            caption="../report/figure_6.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Figure 6"},
        ),
        png=f"{FIGURES}/figure_6.png",
    log:
        f"{LOGS}/figure_6.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_6.py"


rule figure_7:
    input:
        tables=each_case(f"{MERGED}/durations.parquet"),
        library=library("figures.figure_7"),
    output:
        svg=report(
            f"{FIGURES}/figure_7.svg",
            caption="../report/figure_7.rst",
            category="Q3 Temporal sparsity",
            labels={"item": "Figure 7"},
        ),
        png=f"{FIGURES}/figure_7.png",
    log:
        f"{LOGS}/figure_7.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_7.py"


rule figure_verification:
    input:
        tables=each_case(f"{MERGED}/verification.parquet"),
        library=library("figures.figure_verification"),
    output:
        svg=report(
            f"{FIGURES}/figure_verification.svg",
            caption="../report/figure_verification.rst",
            category="Verification",
            labels={"item": "Errors of the Jacobians"},
        ),
        png=f"{FIGURES}/figure_verification.png",
    log:
        f"{LOGS}/figure_verification.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/figure_verification.py"


rule learning_curves:
    input:
        curves=CURVES,
        library=library("figures.learning_curve"),
    output:
        svg=report(
            f"{FIGURES}/learning_curves.svg",
            caption="../report/learning_curve.rst",
            category="Behaviour",
            labels={"item": "Learning curves of the experts"},
        ),
        png=f"{FIGURES}/learning_curves.png",
    log:
        f"{LOGS}/learning_curves.log",
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/learning_curves.py"


ITEMS += each_case(f"{FIGURES}/figure_3/{{environment}}-{{behaviour}}.svg")
ITEMS += each_case(f"{FIGURES}/figure_4/{{environment}}-{{behaviour}}.svg")
ITEMS += each_case(f"{FIGURES}/summary/{{environment}}-{{behaviour}}.svg")
ITEMS.append(f"{FIGURES}/figure_1.svg")
ITEMS += [f"{FIGURES}/figure_{number}.svg" for number in (5, 6, 7)]
if CURVES:
    ITEMS.append(f"{FIGURES}/learning_curves.svg")
ITEMS.append(f"{FIGURES}/figure_verification.svg")
