// Reads requests of OTLP in JSON from stdin, one a line, by the generated messages of OpenTelemetry's own package, and
// writes what is left of each after protobuf's bytes and back, one a line.
const path = require("path");
const package = require.resolve("@opentelemetry/otlp-transformer/package.json");
const root = require(path.join(path.dirname(package), "build/src/generated/root.js"));
const Request = root.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;

for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const message = Request.fromObject(JSON.parse(line));
    const fault = Request.verify(message);
    if (fault) throw new Error(fault);
    const again = Request.decode(Request.encode(message).finish());
    console.log(JSON.stringify(Request.toObject(again, {longs: String})));
}
