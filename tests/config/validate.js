// SPDX-License-Identifier: Apache-2.0
// validate.js SCHEMAS NODE_MODULES - what ajv says. Reads lines of JSON from standard input: {"yaml": text} or
// {"document": value}, and {"schema": name} beside it ("sluice" without). Answers each with a line: {"valid": true},
// {"problems": [...]}, or {"unreadable": message}. All schemas of the folder are compiled first, so that unknown keywords show.
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const [schemas, modules] = process.argv.slice(2);
const Ajv = require(path.join(modules, "ajv"));
const yaml = require(path.join(modules, "js-yaml"));
const validators = {};

function compileFolder(folder, prefix) {
	for (const entry of fs.readdirSync(folder, {withFileTypes: true})) {
		const file = path.join(folder, entry.name);
		if (entry.isDirectory()) {
			compileFolder(file, prefix + entry.name + "/");
			continue;
		}
		// Types of a `then` stand beside its `if`, where strictTypes does not look.
		const ajv = new Ajv({allErrors: true, strictTypes: false});
		const schema = JSON.parse(fs.readFileSync(file));
		validators[prefix + entry.name.replace(/\.schema\.json$/, "")] = ajv.compile(schema);
	}
}

function judge(validate, value) {
	if (validate(value))
		return [];
	return validate.errors.map((e) => (e.instancePath ?? e.dataPath) + " " + e.message);
}

function answer(request) {
	const validate = validators[request.schema ?? "sluice"];
	let documents = [request.document];
	if (request.yaml !== undefined) {
		try {
			documents = yaml.loadAll(request.yaml).filter((d) => d !== null && d !== undefined);
		} catch (e) {
			return {unreadable: e.message};
		}
	}
	const problems = documents.flatMap((d) => judge(validate, d));
	return problems.length ? {problems} : {valid: true};
}

compileFolder(schemas, "");
const lines = readline.createInterface({input: process.stdin});
lines.on("line", (line) => console.log(JSON.stringify(answer(JSON.parse(line)))));
