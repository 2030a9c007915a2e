{#- A snapshot is taken at the platform's clock (DBT_SNAPSHOT_AT, naive UTC), so that a
    replayed past gets a history of its own time; without it, now. -#}
{% macro default__snapshot_get_time() -%}
    {%- set instant = env_var('DBT_SNAPSHOT_AT', '')
        or modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S') -%}
    cast('{{ instant }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}

{% macro postgres__snapshot_get_time() -%}
    {{ default__snapshot_get_time() }}
{%- endmacro %}
