{#-
    Marts take their measures from the semantic models, so that a measure is defined
    once: in models/semantics, where the metrics are. `measure('late_flights')` is the
    aggregate, `measure_expression('late_flights')` its expression for one row, and with
    `of` the same rule for other columns, such as {'arrival_delay': 'departure_delay'}.
-#}
{% macro find_measure(name) %}
    {%- for semantic_model in graph.semantic_models.values() -%}
        {%- for measure in semantic_model.measures if measure.name == name -%}
            {{ return(measure) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error(
        "No semantic model has a measure '" ~ name ~ "'; declare it in models/semantics."
    ) }}
{% endmacro %}

{% macro measure_expression(name, of={}) -%}
    {%- if execute -%}
        {%- set rule = namespace(text=find_measure(name).expr or name) -%}
        {%- for column, other in of.items() -%}
            {%- if not modules.re.search('\\b' ~ column ~ '\\b', rule.text) -%}
                {{ exceptions.raise_compiler_error(
                    "Measure '" ~ name ~ "' does not read the column '" ~ column
                    ~ "': " ~ rule.text ~ ". Name one that it reads."
                ) }}
            {%- endif -%}
            {%- set rule.text = modules.re.sub('\\b' ~ column ~ '\\b', other, rule.text) -%}
        {%- endfor -%}
        ({{ rule.text }})
    {%- else -%}
        null
    {%- endif -%}
{%- endmacro %}

{% macro measure(name) -%}
    {%- if execute -%}
        {%- set found = find_measure(name) -%}
        {%- set expression = found.expr or name -%}
        {%- if found.agg in ('sum', 'sum_boolean') -%}
            cast(sum({{ expression }}) as {{ dbt.type_bigint() }})
        {%- elif found.agg == 'count' -%}
            count({{ expression }})
        {%- elif found.agg == 'count_distinct' -%}
            count(distinct {{ expression }})
        {%- elif found.agg == 'average' -%}
            {{ mean(expression) }}
        {%- elif found.agg == 'median' -%}
            {{ percentile(expression, 0.5) }}
        {%- elif found.agg == 'percentile' -%}
            {{ percentile(expression, found.agg_params.percentile) }}
        {%- elif found.agg in ('min', 'max') -%}
            {{ found.agg }}({{ expression }})
        {%- else -%}
            {{ exceptions.raise_compiler_error(
                "Measure '" ~ name ~ "' has the aggregation '" ~ found.agg ~ "', "
                ~ "which no mart can compute yet; add it to macros/measures.sql."
            ) }}
        {%- endif -%}
    {%- else -%}
        null
    {%- endif -%}
{%- endmacro %}

{#- A part of a whole, 0 to 1; null when the whole is nothing. -#}
{% macro share(part, whole) -%}
    cast({{ part }} as {{ type_double() }}) / nullif({{ whole }}, 0)
{%- endmacro %}
