// A stand-in for the push services of browsers, the npm package web-push-testing: node push.js <node_modules>
// POST /subscribe gives a subscription, POST /get-notifications what was sent to it, opened.
"use strict";

const path = require("node:path");
const { endWithParent, freePort } = require("./free_port.js");

const source = path.join(process.argv[2], "web-push-testing", "src");
const PushServer = require(path.join(source, "server.js"));
const { PushApiModel } = require(path.join(source, "PushApiModel.js"));

async function main() {
  endWithParent();
  const port = await freePort();
  const server = new PushServer(new PushApiModel(), port);
  server.startServer();
  server._server.on("listening", () => console.log(`listens at ${port}`));
}

main();
