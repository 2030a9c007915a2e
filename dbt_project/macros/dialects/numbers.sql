{#- Numbers: what the engines spell differently. -#}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double')()) }}
{%- endmacro %}
{% macro default__type_double() -%} double precision {%- endmacro %}
{% macro duckdb__type_double() -%} double {%- endmacro %}
{% macro snowflake__type_double() -%} double {%- endmacro %}
{% macro bigquery__type_double() -%} float64 {%- endmacro %}

{#- Mean of whole numbers: exact sum first, so that row order cannot change it. -#}
{% macro mean(expression) -%}
    cast(sum({{ expression }}) as {{ type_double() }}) / nullif(count({{ expression }}), 0)
{%- endmacro %}

{#- Percentile by linear interpolation, ignoring nulls, to nine digits after the point:
    engines differ in the sixteenth digit, and zero is not 4.4e-16. -#}
{% macro percentile(expression, share) -%}
    {{ return(adapter.dispatch('percentile')(expression, share)) }}
{%- endmacro %}
{% macro default__percentile(expression, share) -%}
    cast(
        cast(
            percentile_cont({{ share }}) within group (order by {{ expression }})
            as decimal(38, 9)
        )
        as {{ type_double() }}
    )
{%- endmacro %}
{% macro bigquery__percentile(expression, share) -%}
    {#- BigQuery has no exact percentile as an aggregate. -#}
    approx_quantiles({{ expression }}, 1000)[offset({{ (share * 1000) | int }})]
{%- endmacro %}
