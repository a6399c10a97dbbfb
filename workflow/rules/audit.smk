# The manifest of a study, its audit, and its export.

MANIFEST = f"{RESULTS}/manifest.json"


# What the manifest describes; it cannot describe itself.
rule study:
    input:
        WANTED,
        f"{RESULTS}/config.yaml",
    localrule: True


rule manifest:
    input:
        made=WANTED,
        config=f"{RESULTS}/config.yaml",
        library=library("audit.recording"),
    output:
        MANIFEST,
    log:
        f"{LOGS}/manifest.log",
    localrule: True
    conda:
        "../../envs/conda.yaml"
    params:
        config=config,
        folder=lambda wildcards: RESULTS,
        project=lambda wildcards: PROJECT,
        # The inner Snakemake only reads what the outer one has made, hence no lock.
        summary=[
            *("snakemake", "--snakefile", SNAKEFILE, "--nolock"),
            *("--configfile", f"{RESULTS}/config.yaml", "--detailed-summary", "study"),
        ],
    script:
        "../scripts/manifest.py"


rule crate:
    input:
        manifest=MANIFEST,
        citation=str(Path(PROJECT, "CITATION.cff")),
        library=library("audit.crate"),
    output:
        metadata=f"{RESULTS}/ro-crate-metadata.json",
        card=f"{RESULTS}/card.md",
    log:
        f"{LOGS}/crate.log",
    localrule: True
    conda:
        "../../envs/conda.yaml"
    script:
        "../scripts/crate.py"


rule audit:
    input:
        # What was made is audited as it is: an audit that repaired it first would find nothing.
        manifest=[] if Path(MANIFEST).is_file() else MANIFEST,
    log:
        f"{LOGS}/audit.log",
    localrule: True
    conda:
        "../../envs/conda.yaml"
    params:
        folder=lambda wildcards: RESULTS,
        promised=WANTED,
        snakefile=SNAKEFILE,
        # Runs drawn jobs again in a folder where nothing but their files is missing.
        snakemake=[
            *("--quiet", "all"),
            *("--configfile", f"{RESULTS}/config.yaml", "--rerun-triggers", "mtime"),
            *("--cores", str(workflow.cores)),
        ],
    script:
        "../scripts/audit.py"
