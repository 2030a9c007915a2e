{#- Instants are naive timestamps in UTC; local times are naive too, named by their zone. -#}
{% macro utc_of_local(local_time, zone) -%}
    {{ return(adapter.dispatch('utc_of_local')(local_time, zone)) }}
{%- endmacro %}
{% macro default__utc_of_local(local_time, zone) -%}
    timezone('UTC', timezone({{ zone }}, {{ local_time }}))
{%- endmacro %}
{% macro snowflake__utc_of_local(local_time, zone) -%}
    convert_timezone({{ zone }}, 'UTC', {{ local_time }})
{%- endmacro %}
{% macro redshift__utc_of_local(local_time, zone) -%}
    convert_timezone({{ zone }}, 'UTC', {{ local_time }})
{%- endmacro %}
{% macro bigquery__utc_of_local(local_time, zone) -%}
    datetime(timestamp({{ local_time }}, {{ zone }}), 'UTC')
{%- endmacro %}

{% macro local_of_utc(instant, zone) -%}
    {{ return(adapter.dispatch('local_of_utc')(instant, zone)) }}
{%- endmacro %}
{% macro default__local_of_utc(instant, zone) -%}
    timezone({{ zone }}, timezone('UTC', {{ instant }}))
{%- endmacro %}
{% macro snowflake__local_of_utc(instant, zone) -%}
    convert_timezone('UTC', {{ zone }}, {{ instant }})
{%- endmacro %}
{% macro redshift__local_of_utc(instant, zone) -%}
    convert_timezone('UTC', {{ zone }}, {{ instant }})
{%- endmacro %}
{% macro bigquery__local_of_utc(instant, zone) -%}
    datetime(timestamp({{ instant }}, 'UTC'), {{ zone }})
{%- endmacro %}

{% macro add_minutes(instant, minutes) -%}
    {{ return(adapter.dispatch('add_minutes')(instant, minutes)) }}
{%- endmacro %}
{% macro default__add_minutes(instant, minutes) -%}
    ({{ instant }} + ({{ minutes }}) * interval '1 minute')
{%- endmacro %}
{% macro snowflake__add_minutes(instant, minutes) -%}
    dateadd(minute, {{ minutes }}, {{ instant }})
{%- endmacro %}
{% macro bigquery__add_minutes(instant, minutes) -%}
    datetime_add({{ instant }}, interval cast({{ minutes }} as int64) minute)
{%- endmacro %}

{#- Whole minutes from one instant to another, negative when `later` is earlier. -#}
{% macro minutes_between(earlier, later) -%}
    {{ return(adapter.dispatch('minutes_between')(earlier, later)) }}
{%- endmacro %}
{% macro default__minutes_between(earlier, later) -%}
    cast(extract(epoch from ({{ later }} - {{ earlier }})) / 60 as {{ dbt.type_bigint() }})
{%- endmacro %}
{% macro snowflake__minutes_between(earlier, later) -%}
    datediff(minute, {{ earlier }}, {{ later }})
{%- endmacro %}
{% macro bigquery__minutes_between(earlier, later) -%}
    datetime_diff({{ later }}, {{ earlier }}, minute)
{%- endmacro %}

{% macro date_of_parts(year, month, day) -%}
    {{ return(adapter.dispatch('date_of_parts')(year, month, day)) }}
{%- endmacro %}
{% macro default__date_of_parts(year, month, day) -%}
    make_date(cast({{ year }} as integer), cast({{ month }} as integer), cast({{ day }} as integer))
{%- endmacro %}
{% macro snowflake__date_of_parts(year, month, day) -%}
    date_from_parts({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}
{% macro bigquery__date_of_parts(year, month, day) -%}
    date({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}
{% macro redshift__date_of_parts(year, month, day) -%}
    cast({{ year }} || '-' || {{ month }} || '-' || {{ day }} as date)
{%- endmacro %}

{#- Monday is 1, Sunday 7. -#}
{% macro iso_weekday(day) -%}
    {{ return(adapter.dispatch('iso_weekday')(day)) }}
{%- endmacro %}
{% macro default__iso_weekday(day) -%}
    cast(extract(isodow from {{ day }}) as {{ dbt.type_bigint() }})
{%- endmacro %}
{% macro snowflake__iso_weekday(day) -%} dayofweekiso({{ day }}) {%- endmacro %}
{% macro redshift__iso_weekday(day) -%}
    cast(mod(extract(dow from {{ day }}) + 6, 7) + 1 as {{ dbt.type_bigint() }})
{%- endmacro %}
{% macro bigquery__iso_weekday(day) -%}
    (mod(extract(dayofweek from {{ day }}) + 5, 7) + 1)
{%- endmacro %}

{#- Minutes since midnight of a clock written as the number hhmm; 2400 is 1440. -#}
{% macro clock_minutes(clock) -%}
    (cast(floor({{ clock }} / 100.0) as {{ dbt.type_bigint() }}) * 60 + mod({{ clock }}, 100))
{%- endmacro %}
