# Snakemake's own report: one page with every item, its caption and its code.


rule resolved_config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/resolved_config.log",
    localrule: True
    conda:
        "../../envs/conda.yaml"
    params:
        config=config,
    script:
        "../scripts/resolved_config.py"


rule report:
    input:
        WANTED,
        config=f"{RESULTS}/config.yaml",
    output:
        f"{RESULTS}/report.zip",
    log:
        f"{LOGS}/report.log",
    localrule: True
    # The inner Snakemake only reads what the outer one has made, hence no lock.
    conda:
        "../../envs/conda.yaml"
    params:
        snakefile=SNAKEFILE,
    shell:
        "snakemake --snakefile {params.snakefile} --configfile {input.config} --nolock"
        " --report {output} all > {log} 2>&1"
