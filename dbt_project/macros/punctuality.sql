{#- The columns of every punctuality mart: the flights' measures, and shares of them. -#}
{% macro punctuality() -%}
    {%- for name in [
        'flights', 'cancelled_flights', 'diverted_flights', 'arrived_flights',
        'late_flights', 'mean_departure_delay_minutes', 'mean_arrival_delay_minutes',
        'median_arrival_delay_minutes', 'p90_arrival_delay_minutes',
    ] %}
    {{ measure(name) }} as {{ name }},
    {%- endfor %}
    {{ share(measure('cancelled_flights'), measure('flights')) }} as cancelled_share,
    {{ share(measure('late_flights'), measure('arrived_flights')) }} as late_share
{%- endmacro %}
