{#- Whether a program, and no person, fetched an image or a link, by its user agent. The rules, first match:

    - image proxies and privacy proxies of mailbox providers, which fetch what nobody may have looked at (Gmail's
      GoogleImageProxy, YahooMailProxy; Apple's mail privacy protection sends `Mozilla/5.0` and nothing else);
    - gateways that check mail before it is delivered (Barracuda, Proofpoint, Mimecast, Microsoft's preview);
    - robots and libraries that say so (bot, crawler, spider, curl, wget, python, Go, Java, headless browsers).

    An absent user agent is nobody's: it does not count as a machine. -#}
{% macro is_machine(user_agent) -%}
    {%- set known = [
        'googleimageproxy', 'yahoomailproxy', 'yahoocachesystem', 'barracuda', 'proofpoint', 'mimecast', 'bingpreview',
        'bot/', 'crawler', 'spider', 'headlesschrome', 'phantomjs', 'curl/', 'wget/', 'python-requests', 'python-urllib',
        'aiohttp', 'go-http-client', 'java/', 'okhttp', 'libwww-perl',
    ] -%}
    {%- set tests = ["lower(trim(" ~ user_agent ~ ")) = 'mozilla/5.0'"] -%}
    {%- for word in known -%}
        {%- do tests.append("lower(" ~ user_agent ~ ") like '%" ~ word ~ "%'") -%}
    {%- endfor -%}
    {{ return("coalesce(" ~ tests | join(" or ") ~ ", false)") }}
{%- endmacro %}
