"""Schemas of the metric providers that have a key of their own under `provider`.

Open like the routers' schemas, and for the same reason: see `crds_routers`.
"""

from __future__ import annotations

from crds_notation import Schema, anything, flag, int_or_string, listing, number, obj, open_obj, strings, text, texts
from crds_pods import job_spec, object_metadata


def provider() -> Schema:
    """`metrics[].provider`."""
    return open_obj(
        "Who measures: exactly one key, whose value is that provider's config.",
        cloudWatch=_cloud_watch(),
        datadog=_datadog(),
        graphite=_queried("Graphite: one render query.", address=_address(), query=text("The URL query of /render.")),
        influxdb=_queried(
            "InfluxDB: one Flux query.",
            profile=text("The Secret with address, token and organisation; influxdb if absent."),
            query=text("The query."),
        ),
        job=open_obj(
            "A Kubernetes Job: successful when it completes.",
            "spec",
            metadata=object_metadata("Labels and annotations of the Job."),
            spec=job_spec("The Job to run for each measurement."),
        ),
        kayenta=_kayenta(),
        newRelic=_queried(
            "New Relic: one NRQL query.",
            profile=text("The Secret with the account and the key; newrelic if absent."),
            query=text("The query."),
            timeout=number("Seconds the query may take; 5 if absent.", bits=64),
        ),
        plugin=open_obj(
            "Providers of third parties: the plugin's name, and as value its config.",
        ),
        prometheus=_prometheus(),
        skywalking=_queried(
            "Apache SkyWalking: one GraphQL query.",
            address=_address(),
            query=text("The query."),
            interval=text("The span of time to query, in Go's notation."),
        ),
        wavefront=_queried("Wavefront: one chart query.", address=text("Host of the API."), query=text("The query.")),
        web=_web(),
    )


def _queried(about: str, /, **fields: Schema) -> Schema:
    return open_obj(about, **fields)


def _address() -> Schema:
    return text("Base URL of the server.")


def _oauth2() -> Schema:
    return open_obj(
        "OAuth 2 client credentials.",
        tokenUrl=text("Where tokens are had."),
        clientId=text("The client."),
        clientSecret=text("Its secret; use an argument with secretKeyRef."),
        scopes=texts("Scopes to ask for."),
    )


def _authentication() -> Schema:
    return open_obj(
        "How to authenticate: one of these.",
        basicAuth=open_obj(
            "User name and password.",
            username=text("The user."),
            password=text("The password; use an argument with secretKeyRef."),
        ),
        oauth2=_oauth2(),
        sigv4=open_obj(
            "AWS Signature Version 4.",
            region=text("The AWS region."),
            profile=text("The profile of the credentials."),
            roleArn=text("The role to assume."),
        ),
    )


def _headers() -> Schema:
    return listing(
        "Headers of the request.",
        obj("One header.", "key", "value", key=text("Its name."), value=text("Its value.")),
    )


def _prometheus() -> Schema:
    return open_obj(
        "Prometheus, or what answers like it: one PromQL query.",
        address=_address(),
        query=text("The query."),
        timeout=number("Seconds the query may take; 30 if absent.", bits=64),
        insecure=flag("Skip the check of the server's certificate."),
        headers=_headers(),
        rangeQuery=open_obj(
            "Query a range instead of an instant.",
            start=text("An expression for its start, such as now() - duration('1h')."),
            end=text("An expression for its end."),
            step=text("Distance of the points, in Go's notation."),
        ),
        authentication=_authentication(),
    )


def _web() -> Schema:
    return open_obj(
        "One HTTP request; the answer is the result.",
        "url",
        url=text("What to ask."),
        method=text("GET (if absent), POST or PUT."),
        headers=_headers(),
        body=text("Body of a POST or PUT."),
        jsonBody=anything("Body of a POST or PUT as JSON, instead of body."),
        jsonPath=text("A JSONPath in braces, such as {$.data.rate}; the first match is the result."),
        timeoutSeconds=number("Seconds the request may take; 10 if absent.", bits=64),
        insecure=flag("Skip the check of the server's certificate."),
        authentication=_authentication(),
    )


def _datadog() -> Schema:
    return open_obj(
        "Datadog: a metrics query.",
        apiVersion=text("v1 (if absent) or v2."),
        interval=text("The span of time to query, in Go's notation; 5m if absent."),
        query=text("The query. This or queries."),
        queries=strings("Queries by name, for v2."),
        formula=text("How the queries are combined, for v2."),
        aggregator=text("How points become one value, for v2: last (if absent), avg, min, max, sum, ..."),
        requestTimeout=text("Time the request may take, in Go's notation; 10s if absent."),
        secretRef=open_obj(
            "The Secret with the keys.",
            name=text("Its name."),
            namespaced=flag("Whether it is in the run's namespace instead of the controller's."),
        ),
    )


def _cloud_watch() -> Schema:
    stat = open_obj(
        "A metric's statistic.",
        metric=open_obj(
            "The metric.",
            namespace=text("Its namespace."),
            metricName=text("Its name."),
            dimensions=listing(
                "Its dimensions.", open_obj("One dimension.", name=text("Its name."), value=text("Its value."))
            ),
        ),
        period=int_or_string("Seconds of one point."),
        stat=text("The statistic, such as Average."),
        unit=text("The unit."),
    )
    query = open_obj(
        "One query.",
        id=text("Its name, for expressions."),
        label=text("Its label."),
        expression=text("An expression over other queries. This or metricStat."),
        metricStat=stat,
        period=int_or_string("Seconds of one point."),
        returnData=flag("Whether its values are part of the result."),
    )
    return open_obj(
        "AWS CloudWatch: metric data queries.",
        "metricDataQueries",
        interval=text("The span of time to query, in Go's notation; 5m if absent."),
        metricDataQueries=listing("The queries.", query),
    )


def _kayenta() -> Schema:
    def scope(about: str) -> Schema:
        return open_obj(
            about,
            scope=text("The scope."),
            region=text("The region."),
            step=number("Seconds of one point.", bits=64),
            start=text("Its start; the run's start or now less the interval if absent."),
            end=text("Its end; now if absent."),
        )

    names = {
        "address": _address(),
        "application": text("The application."),
        "canaryConfigName": text("The canary config."),
        "metricsAccountName": text("The account of the metrics."),
        "configurationAccountName": text("The account of the configuration."),
        "storageAccountName": text("The account of the storage."),
    }
    return open_obj(
        "Kayenta: an automated canary analysis.",
        **names,
        lookback=flag("Measure from the run's start on instead of over the interval."),
        threshold=open_obj(
            "Scores that decide.",
            marginal=number("From here on inconclusive instead of failed.", bits=64),
            **{"pass": number("From here on successful.", bits=64)},
        ),
        scopes=listing(
            "What is compared.",
            open_obj(
                "One scope.",
                name=text("Its name."),
                controlScope=scope("What is stable."),
                experimentScope=scope("What is new."),
            ),
        ),
    )
