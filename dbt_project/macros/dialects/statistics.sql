{#- Engines whose planner needs to be told of new rows are told; DuckDB knows them. -#}
{% macro collect_statistics() -%}
    {%- if execute and config.get('materialized') != 'view' -%}
        {{ return(adapter.dispatch('collect_statistics')()) }}
    {%- endif -%}
{%- endmacro %}
{% macro default__collect_statistics() -%}{%- endmacro %}
{% macro postgres__collect_statistics() -%} analyze {{ this }} {%- endmacro %}
{% macro redshift__collect_statistics() -%} analyze {{ this }} {%- endmacro %}
