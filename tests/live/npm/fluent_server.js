// @fluent-org/logger's FluentServer, told by a JSON object what it is: {security, tls: {key, cert}, path, port, output}.
// It writes its port, and then (to the file `output` at once, when it is named) each entry as a line [tag, seconds, nanoseconds, record].
const fs = require("node:fs");
const {FluentServer, EventTime} = require("@fluent-org/logger");

const told = JSON.parse(process.argv[2]);
const tlsOptions = told.tls && {key: fs.readFileSync(told.tls.key), cert: fs.readFileSync(told.tls.cert)};
const listenOptions = told.path ? {path: told.path} : {port: told.port ?? 0, host: "127.0.0.1"};
const server = new FluentServer({listenOptions, tlsOptions, security: told.security});

const tell = told.output ? (line) => fs.appendFileSync(told.output, `${line}\n`) : console.log;

server.on("entry", (tag, time, record) => {
    const [seconds, nanoseconds] = time instanceof EventTime ? [time.epoch, time.nano] : [time, null];
    tell(JSON.stringify([tag, seconds, nanoseconds, record]));
});
server.listen().then(() => console.log(server.port ?? 0));
process.stdin.on("end", () => process.exit()).resume();
