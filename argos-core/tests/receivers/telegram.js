// A stand-in for Telegram, the npm package telegram-test-api: node telegram.js <node_modules>
// What bots sent is asked for by POST /getUpdatesHistory {"token": …}.
"use strict";

const path = require("node:path");
const { endWithParent, freePort } = require("./free_port.js");

const TelegramServer = require(path.join(process.argv[2], "telegram-test-api"));

async function main() {
  endWithParent();
  const port = await freePort();
  await new TelegramServer({ host: "127.0.0.1", port, storeTimeout: 600 }).start();
  console.log(`listens at ${port}`);
}

main();
