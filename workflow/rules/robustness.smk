# Do the paper's claims stand, and do they stand when one thing is changed?

ABLATIONS = config["robustness"]["ablations"]
JUDGED = (
    "elements",
    "sparsities",
    "steps",
    "strides",
    "occurrences",
    "exceptions",
)
# A study that differs in one thing has a folder of its own, beside this one's.
ABLATED = f"{RESULTS}-{{ablation}}"


wildcard_constraints:
    ablation="[a-z0-9]+",


rule robustness:
    input:
        f"{TABLES}/table_robustness.parquet",
        f"{TABLES}/table_thresholds.parquet",
        f"{TABLES}/reproduction.parquet",
    localrule: True


rule ablation:
    input:
        judged(RESULTS),
        config=f"{RESULTS}/config.yaml",
    output:
        touch(f"{RESULTS}/ablations/{{ablation}}"),
    log:
        f"{LOGS}/ablation/{{ablation}}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(600),
    params:
        snakefile=workflow.main_snakefile,
        changes=lambda wildcards: " ".join(
            f"{key}='{json.dumps(values)}'"
            for key, values in ABLATIONS[wildcards.ablation].items()
        ),
        study=lambda wildcards: f"{config['study']}-{wildcards.ablation}",
        wanted=lambda wildcards: judged(ABLATED.format(ablation=wildcards.ablation)),
    shell:
        "snakemake --snakefile {params.snakefile} --configfile {input.config}"
        " --config study={params.study} {params.changes}"
        " --cores {threads} {params.wanted} > {log} 2>&1"


rule table_robustness:
    input:
        judged(RESULTS),
        ablations=expand(f"{RESULTS}/ablations/{{ablation}}", ablation=ABLATIONS),
        published="resources/paper/table1.csv",
        library=library("tables.cases", "tables.published", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_robustness.parquet",
        csv=report(
            f"{TABLES}/table_robustness.csv",
            caption="../report/table_robustness.rst",
            category="Robustness",
            labels={"item": "Each claim with one thing varied"},
        ),
        md=f"{TABLES}/table_robustness.md",
    log:
        f"{LOGS}/table_robustness.log",
    conda:
        "../../envs/conda.yaml"
    params:
        merged=lambda wildcards: f"{RESULTS}/merged",
        cases=CASES,
        ablations={
            name: f"{ABLATED}/merged".format(ablation=name) for name in ABLATIONS
        },
        threshold=THRESHOLD,
    script:
        "../scripts/table_robustness.py"


rule table_thresholds:
    input:
        each_case(f"{MERGED}/elements.parquet"),
        ablations=expand(f"{RESULTS}/ablations/{{ablation}}", ablation=ABLATIONS),
        library=library("tables.merged", "tables.table_thresholds", "tables.writing"),
    output:
        parquet=f"{TABLES}/table_thresholds.parquet",
        csv=report(
            f"{TABLES}/table_thresholds.csv",
            caption="../report/table_thresholds.rst",
            category="Robustness",
            labels={"item": "Zeros by threshold and precision"},
        ),
        md=f"{TABLES}/table_thresholds.md",
    log:
        f"{LOGS}/table_thresholds.log",
    conda:
        "../../envs/conda.yaml"
    params:
        merged=lambda wildcards: f"{RESULTS}/merged",
        cases=CASES,
        ablations={
            name: f"{ABLATED}/merged".format(ablation=name) for name in ABLATIONS
        },
        threshold=THRESHOLD,
    script:
        "../scripts/table_thresholds.py"


rule reproduction:
    input:
        judged(RESULTS),
        structure=f"{RESULTS}/structure.parquet",
        published="resources/paper/table1.csv",
        library=library(
            "tables.cases", "tables.published", "tables.reproduction", "tables.writing"
        ),
    output:
        parquet=f"{TABLES}/reproduction.parquet",
        csv=report(
            f"{TABLES}/reproduction.csv",
            caption="../report/reproduction.rst",
            category="Robustness",
            labels={"item": "The paper's claims beside our numbers"},
        ),
        md=f"{TABLES}/reproduction.md",
    log:
        f"{LOGS}/reproduction.log",
    conda:
        "../../envs/conda.yaml"
    params:
        merged=lambda wildcards: f"{RESULTS}/merged",
        cases=CASES,
        threshold=THRESHOLD,
    script:
        "../scripts/reproduction.py"


ITEMS += [
    f"{TABLES}/{name}.parquet"
    for name in ("table_robustness", "table_thresholds", "reproduction")
]
