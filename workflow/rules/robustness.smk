# Do the paper's claims stand, and do they stand when one thing is changed? A study that differs in
# one thing has a folder of its own, beside this one's.

ABLATIONS = config["robustness"]["ablations"]


wildcard_constraints:
    ablation="[a-z0-9]+",


rule robustness:
    input:
        [
            path
            for item in OFFERED
            if item.section == ROBUSTNESS
            for path in item.wanted(STUDY)
        ],
    localrule: True


rule ablation:
    input:
        STUDY.judged(),
        config=f"{RESULTS}/config.yaml",
    output:
        touch(STUDY.ablation("{ablation}")),
    log:
        f"{LOGS}/ablation/{{ablation}}.log",
    conda:
        "../../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(600),
    params:
        snakefile=SNAKEFILE,
        changes=lambda wildcards: " ".join(
            f"{key}='{json.dumps(values)}'"
            for key, values in ABLATIONS[wildcards.ablation].items()
        ),
        study=lambda wildcards: STUDY.beside(wildcards.ablation).config["study"],
        wanted=lambda wildcards: STUDY.beside(wildcards.ablation).judged(),
    shell:
        "snakemake --snakefile {params.snakefile} --configfile {input.config}"
        " --config study={params.study} {params.changes}"
        " --cores {threads} {params.wanted} > {log} 2>&1"
