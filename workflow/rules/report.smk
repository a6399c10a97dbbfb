# Snakemake's own report: one page with every item, its caption and its code.


rule resolved_config:
    localrule: True
    output:
        RESULTS + "/config.yaml",
    log:
        LOGS + "/resolved_config.log",
    params:
        config=config,
    script:
        "../scripts/resolved_config.py"


rule report:
    localrule: True
    input:
        ITEMS,
        config=RESULTS + "/config.yaml",
    output:
        RESULTS + "/report.zip",
    log:
        LOGS + "/report.log",
    params:
        snakefile=workflow.main_snakefile,
    # The inner Snakemake only reads what the outer one has made, hence no lock.
    shell:
        "snakemake --snakefile {params.snakefile} --configfile {input.config} --nolock"
        " --report {output} all > {log} 2>&1"
