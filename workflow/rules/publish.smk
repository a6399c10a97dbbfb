# Statistics that can be shipped: from them alone a study with the key `statistics` draws again.

PUBLISHED = f"{RESULTS}/published"
SHIPPING = [path.removeprefix(f"{RESULTS}/") for path in STUDY.shipping()]
# The files that items are made from, but for those that are only made if asked for.
READ = sorted(
    {
        path
        for item in OFFERED
        if not item.asked
        for case in (STUDY.cases if item.per_case else [ANY])
        for paths in item.inputs(STUDY, case).values()
        for path in paths
    }
)


rule publish:
    input:
        statistics=STUDY.shipping(),
        verified=f"{RESULTS}/verified",
        library=library("study.publishing"),
    output:
        [f"{PUBLISHED}/{name}" for name in SHIPPING],
        f"{PUBLISHED}/{STATISTICS_LIST}",
    log:
        f"{LOGS}/publish.log",
    conda:
        "../../envs/conda.yaml"
    resources:
        mem_mb=megabytes(1500),
        runtime=minutes(30),
    params:
        names=SHIPPING,
        config=config,
        folder=lambda wildcards: PUBLISHED,
        project=lambda wildcards: PROJECT,
    script:
        "../scripts/publish.py"


# All that items read of an environment. Its data may go then, before those of the next are made.
for environment in NAMES:

    rule:
        name:
            f"statistics_{environment}"
        input:
            [path for path in READ if f"/merged/{environment}/" in path],
        localrule: True
