-- SPDX-License-Identifier: Apache-2.0
local substitute = require("sluice.substitute")
local equal, contains = support.equal, support.contains

local variables = { USER = "ann", PORT = "8081", EMPTY = "", ON = "true", _x1 = "y", RAW = "$USER" }
local files = { ["a.txt"] = "one\n", ["b.txt"] = "two\n\n", ["c.txt"] = "three\r\n" }

local scope = {
	host = {
		getenv = function(name)
			return variables[name]
		end,
		read_file = function(from, path)
			equal(from, "f.yaml")
			if files[path] then
				return files[path]
			end
			return nil, "No such file or directory"
		end,
		scalar = support.host.scalar,
	},
	secret = function(reference)
		if reference == "login.password" then
			return "s3cret"
		end
		return nil, "no Secret " .. reference
	end,
}

local function run(value)
	local messages = {}
	local tree, foreign = substitute.tree(support.tree(value), scope, function(_, path, message)
		messages[#messages + 1] = path .. ": " .. message
	end)
	return tree, foreign, messages
end

local table_of = {
	{ "$USER", "ann" }, { "${USER}", "ann" }, { "a$USER-b", "aann-b" }, { "$USER$PORT", "ann8081" },
	{ "${USER}x", "annx" }, { "$_x1", "y" }, { "[$EMPTY]", "[]" }, { "$$USER", "$USER" }, { "$$$$", "$$" },
	{ "$$$USER", "$ann" }, { "^/x$", "^/x$" }, { "$1", "$1" }, { "a$", "a$" }, { "$", "$" },
	{ "$(x)", "$(x)" }, { "$${x}", "${x}" }, { "$RAW", "$USER" }, -- what comes in is not looked at again
	{ "${file:a.txt}", "one" }, { "${file:b.txt}", "two\n" }, { "${file:c.txt}", "three" },
	{ "x${file:a.txt}y", "xoney" }, { "${secret:login.password}", "s3cret" }, { "no dollar", "no dollar" },
}
for _, row in ipairs(table_of) do
	local tree, _, messages = run(row[1])
	equal(messages, {}, row[1])
	equal(tree.value, row[2], row[1])
end

local wrong = {
	{ "$NOBODY", 'NOBODY is not set; write "$$NOBODY"' }, { "${NOBODY}", "NOBODY is not set" },
	{ "${USER", "without a closing }" }, { "${}", "expected ${NAME}" }, { "${a-b}", "expected ${NAME}" },
	{ "${vault:x}", "expected ${NAME}" }, { "${file:}", "expected ${file:path}" },
	{ "${file:gone}", "file gone: No such file" }, { "${secret:x.y}", "no Secret x.y" },
}
for _, row in ipairs(wrong) do
	local _, _, messages = run({ deep = { row[1] } })
	equal(#messages, 1, row[1])
	contains(messages[1], "deep[0]: ")
	contains(messages[1], row[2])
end

-- What came from outside is known by its path; a doubled dollar is the document's own.
local _, foreign = run({ a = "$USER", b = { { c = "x$$y" }, { d = "${file:a.txt}" } }, e = 5 })
equal(foreign, { "a", "b[1].d" })

-- A text with dollars of its own is replaced as a whole or not at all.
scope.literal = { own = true }
for _, row in ipairs({ { "pa$$word", "pa$$word" }, { "a$USER", "a$USER" }, { "${USER}x", "${USER}x" }, { "$$USER", "$$USER" },
	{ "${x", "${x" }, { "$USER", "ann" }, { "${file:a.txt}", "one" } }) do
	equal(run({ own = row[1] }).members.own.value, row[2], row[1])
end
local _, _, told = run({ own = "$NOBODY", other = "$NOBODY" })
table.sort(told)
equal(told, { 'other: environment variable NOBODY is not set; write "$$NOBODY" for a literal dollar sign',
	"own: environment variable NOBODY is not set; a text that looks like a reference can come from a file or a Secret" })
scope.literal = nil

-- Unquoted and alone, a variable can take the place of a number or a boolean.
equal(run("$PORT").resolved, { type = "integer", value = 8081 })
equal(run("${ON}").resolved, { type = "boolean", value = true })
equal(run("$USER").resolved, nil)
equal(run("x$PORT").resolved, nil)
local quoted = support.tree("$PORT")
quoted.plain = nil
equal(run(quoted).resolved, nil)
equal(run("$PORT").value, "8081")
