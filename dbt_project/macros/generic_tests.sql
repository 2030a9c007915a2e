{#- The columns together identify a row, and none of them is null. -#}
{% test grain(model, columns) %}
    select {{ columns | join(', ') }}, count(*) as n_rows
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
    {%- for column in columns %}
        or {{ column }} is null
    {%- endfor %}
{% endtest %}

{#- Nothing is used before it is known. -#}
{% test no_look_ahead(model, known_at, cut_off) %}
    select *
    from {{ model }}
    where {{ known_at }} > {{ cut_off }}
{% endtest %}
