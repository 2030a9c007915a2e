{#-
    The range of partitions that this run builds and tests: [DBT_PARTITION_FROM,
    DBT_PARTITION_TO), ISO dates. Without them everything is built.
-#}
{% macro partition_range(column='partition_date') -%}
    {{ column }} >= cast('{{ env_var("DBT_PARTITION_FROM", "1900-01-01") }}' as date)
    and {{ column }} < cast('{{ env_var("DBT_PARTITION_TO", "2999-01-01") }}' as date)
{%- endmacro %}

{#-
    Incremental strategy `partition_range`: replaces exactly the declared range, so a
    partition that is empty at the source becomes empty here too.
-#}
{% macro get_incremental_partition_range_sql(arguments) %}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments['target_relation'] }}
    where {{ partition_range() }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arguments['temp_relation'] }};
{% endmacro %}

{#- Tests of a partitioned model look at the partitions of this run only. -#}
{% macro default__get_where_subquery(relation) -%}
    {%- set conditions = [config.get('where')] | select | list -%}
    {%- if execute and is_partitioned(relation) -%}
        {%- do conditions.append(partition_range()) -%}
    {%- endif -%}
    {%- if conditions -%}
        (select * from {{ relation }} where {{ conditions | join(' and ') }}) dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro is_partitioned(relation) %}
    {%- for node in graph.nodes.values()
        if node.resource_type in ('model', 'snapshot', 'seed')
        and node.alias == relation.identifier and node.schema == relation.schema -%}
        {{ return(node.config.meta.get('partitioned', false)) }}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}
