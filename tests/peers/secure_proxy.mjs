// SPDX-License-Identifier: Apache-2.0
// A forward proxy that is spoken to by TLS: secure_proxy.mjs CRT KEY [CA of its clients]. Each name is this machine. Tells its
// port, then each connection's client and what it is asked.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";

const [crt, key, ca] = process.argv.slice(2);
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const options = { cert: readFileSync(crt), key: readFileSync(key), maxVersion: process.env.TLS_MAX };
if (ca)
	Object.assign(options, { ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true });
const server = https.createServer(options);

server.on("secureConnection", (socket) => {
	tell({ client: socket.getPeerCertificate().subject?.CN ?? null, name: socket.servername,
		resumed: socket.isSessionReused() });
	socket.on("error", () => socket.destroy());
});

server.on("connect", (request, socket) => {
	tell({ method: "CONNECT", target: request.url, credentials: request.headers["proxy-authorization"] ?? null });
	const up = net.connect(Number(request.url.split(":").pop()), "127.0.0.1", () => {
		socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
		up.pipe(socket).pipe(up);
	});
	up.on("error", () => socket.destroy());
	socket.on("error", () => up.destroy());
	socket.on("close", () => up.destroy());
	up.on("close", () => socket.end());
});

server.on("request", (request, response) => {
	tell({ method: request.method, target: request.url, credentials: request.headers["proxy-authorization"] ?? null });
	const { port, pathname, host } = new URL(request.url);
	const headers = { ...request.headers, host };
	delete headers["proxy-authorization"];
	const up = http.request({ host: "127.0.0.1", port, path: pathname, method: request.method, headers }, (answer) => {
		response.writeHead(answer.statusCode, answer.headers);
		answer.pipe(response);
	});
	up.on("error", () => response.destroy());
	request.pipe(up);
});

server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
process.stdin.on("end", () => process.exit()).resume();
