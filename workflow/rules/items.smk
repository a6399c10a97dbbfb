# Figures and tables, from Parquet alone: a rule for each entry of src/dynsparse/study/items.py, where
# each is found by its name. Rules see the item of the last turn of the loop when they run: no lambda
# in here.

for item in OFFERED:

    rule:
        name:
            item.rule
        input:
            **item.inputs(STUDY),
            library=library(*item.modules),
        output:
            **shown(item),
        log:
            item.log(STUDY),
        conda:
            "../../envs/conda.yaml"
        params:
            function=item.source,
            reads=item.called(STUDY),
            settings=item.given(config),
            writer=item.writer,
        script:
            "../scripts/item.py"

    if item.per_case:

        rule:
            name:
                item.target
            input:
                item.wanted(STUDY),
            localrule: True


# A study of its own, and a long one: asked for by name, not part of `all`.
rule hyperparameters:
    input:
        [
            path
            for item in OFFERED
            if item.group == "hyperparameters"
            for path in item.wanted(STUDY)
        ],
        [path for path in WANTED if "table_a2_1." in path],
    localrule: True


# A study of its own as well: config/atlas.yaml. Drawn in any case, it fails as `all` does if a check
# does.
rule atlas:
    input:
        f"{RESULTS}/verified",
        [
            path
            for item in OFFERED
            if item.section == ATLAS
            for path in item.wanted(STUDY)
        ],
    localrule: True
