// A port of 127.0.0.1 that is free now, for servers that can't say which one they got.
"use strict";

const net = require("node:net");

exports.freePort = () =>
  new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Ends this process with whoever started it. */
exports.endWithParent = () => process.stdin.resume().on("end", () => process.exit());
