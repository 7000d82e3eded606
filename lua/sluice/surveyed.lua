-- SPDX-License-Identifier: Apache-2.0
-- What is shared, beside APIs that were all composed apart and agree (core/config/survey.h): no tree of
-- any of them is made. Where anything is to be said, by whomever, this is given up, and the whole is
-- composed with ghosts; so it need not know how to say it.
local bind = require("sluice.bind")
local contract = require("sluice.kinds.contract")
local listeners = require("sluice.listeners")

local surveyed = {}

local function ids_of(services)
	local ids = {}
	for i, service in ipairs(services) do
		ids[i] = service.id
	end
	return ids
end

-- Labels as a list of names and values.
local function flat(labels)
	local list = {}
	for name, value in pairs(labels) do
		list[#list + 1] = name
		list[#list + 1] = value
	end
	return list
end

local function ports_of(survey)
	local ports = {}
	for i, port in ipairs(survey.ports) do
		ports[i] = { host = port.host, port = port.port, scheme = port.scheme,
			first = { id = port.api, apis = {} }, node = { type = "string", file = port.file,
			line = port.line, column = port.column } }
	end
	return ports
end

local function bind_all(state)
	for _, binding in ipairs(state.found.PolicyBinding.list) do
		if not bind.attach_surveyed(binding, state.survey, state) then
			return false
		end
	end
	return true
end

-- state.survey and all that is made of it; false: something is to be said.
function surveyed.take(input, state)
	local found = state.found
	if state.is_incomplete or state.closes_all or state.report.findings[1]
		or found.ApiInstance.list[1] then
		return false
	end
	local survey = input.survey(ids_of(state.services.list))
	if not survey then
		return false
	end
	state.survey = { plugins = survey.plugins, has_api = input.has_api,
		has_service = input.has_service, selects = function(space, labels)
			return input.selects(space, flat(labels))
		end }
	if not bind_all(state) then
		return false
	end
	contract.link(state, input.has_api)
	listeners.take(state, ports_of(survey))
	return true
end

return surveyed
