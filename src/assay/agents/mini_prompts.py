"""What the agent of mini-swe-agent's protocol says by default, as jinja2 templates.

The structure and the content are those of mini-swe-agent's SWE-bench configuration for text (version 2,
`swebench_backticks.yaml`, MIT licence), and where commands are calls of a tool, of its `swebench.yaml` (`TOOLS`); the
sentences are our own, and two things differ, because here they are otherwise: there is no network, and the patch is
taken from the working tree, so that none has to be written.
"""

SYSTEM = """\
You are a helpful assistant who solves programming tasks by working in a computer's shell, one command after another.
Each of your replies holds exactly ONE bash code block, and in it ONE command (or several joined by && or ||).

Before the command, write a THOUGHT section that says what you are thinking.
Write your replies as <format_example> shows.

<format_example>
THOUGHT: What you have in mind, and why

```{{ fence }}
your_command_here
```
</format_example>

A reply that breaks these rules is rejected.
"""

_ISSUE = """\
<pr_description>
Here is the description of a pull request:
{{ task }}
</pr_description>

<instructions>
# Your task

## Overview

You are a software engineer at a computer, which you use by giving it commands.
Help to make the changes that meet the requirements of the description above.
Change files in the current directory that are not tests, so that the issue is fixed in a general way that fits in
with the rest of the code.

"""

_TURNS = """\
<IMPORTANT>This goes on in turns: think and give ONE command, look at its result, then think and give the next one.
</IMPORTANT>

In each reply:

1. Write a THOUGHT section with your reasoning and with what you want to reach
2. Give exactly ONE bash command to run

"""

_BOUNDARIES = """\
## Boundaries

- CHANGE: ordinary source files in {{ workdir }} (every command of yours starts in this directory)
- DO NOT CHANGE: tests, and configuration files (pyproject.toml, setup.cfg and the like)

## A way to go about it

1. Find and read the files that matter
2. Write a script that shows the issue
3. Edit the source code so that the issue is gone
4. Run your script again to see that it is
5. Try edge cases, so that the fix is robust

"""

_COMMANDS = """\
## How commands are run

1. You write one command
2. The system runs it in a subshell
3. You see what came out
4. You write the next one

Each reply has:

1. A **THOUGHT** section with your reasoning and your plan
2. One bash code block with your command

Write it like this:

<format_example>
THOUGHT: Here I say how I see the situation, and what the command below is for.

```{{ fence }}
your_command_here
```
</format_example>

**WHAT IS REQUIRED:**

- A reply SHOULD have a THOUGHT section with your reasoning
- A reply MUST have EXACTLY ONE bash code block
- That block MUST hold EXACTLY ONE command (or commands joined by && or ||)
- A reply without a block, or with more than one, FAILS
- Do NOT put several independent commands into separate blocks of one reply
- Changes of the directory and of environment variables do not last: each command gets a new subshell
- You can however write `MY_ENV_VAR=MY_VALUE cd /path/to/somewhere && ...`, or keep variables in files

A CORRECT reply:

<example_response>
THOUGHT: I do not know this repository yet, so I first look at which files are here.

```{{ fence }}
ls -la
```
</example_response>

A reply that is NOT correct:

<example_response>
THOUGHT: I want to see the files and then read one of them, so I give two commands.

```{{ fence }}
ls -la
```

And now the file:

```{{ fence }}
cat file.txt
```
</example_response>

If you need several commands, either join them in one block:

```{{ fence }}
command1 && command2 || echo "Error occurred"
```

or wait for the result of the first one and give the second in your next reply.

"""

_ENDING = """\
## The environment

- A full Linux shell, without a network
- Use flags that ask no questions (-y, -f)
- Do not use vi, nano or other tools that wait for someone at the keyboard
- Use any tool that is there, and write your own scripts where they help
- The git history holds one commit, the state that you start from

## Submission

When your work is done, submit it in these steps, with SEPARATE commands:

Step 1: Tidy up
Remove the scripts, tests and other files that you made only to help yourself. Do NOT commit. Everything that then
differs from the state you started from is taken as your patch, so no patch file is needed.

Step 2: Look at what you changed
`git status --short && git diff` should show nothing but what you mean to submit.

Step 3: Submit (this EXACT command)

```{{ fence }}
echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT
```

A command that fails (exit status other than 0) does not submit.
After you have submitted you CANNOT go on with this task.
</instructions>
"""

INSTANCE = _ISSUE + _TURNS + _BOUNDARIES + _COMMANDS + _ENDING

OBSERVATION = """\
{% if output.exception_info -%}
<exception>{{ output.exception_info }}</exception>
{% endif -%}
<returncode>{{ output.returncode }}</returncode>
{% if output.output | length < output_chars -%}
<output>
{{ output.output -}}
</output>
{%- else -%}
<warning>
Your last command gave too much output.
Try another command that gives less.
To look at a file, show fewer lines of it with head, tail or sed.
With grep or find, search for something more specific.
If you do need all of the output, redirect it into a file and search in that.
</warning>
{%- set half = output_chars // 2 %}
<output_head>
{{ output.output[:half] }}
</output_head>
<elided_chars>
{{ output.output | length - 2 * half }} characters elided
</elided_chars>
<output_tail>
{{ output.output[-half:] }}
</output_tail>
{%- endif -%}
"""

FORMAT_ERROR = """\
{% if finish_reason == "length" -%}
Your last reply reached the limit of output tokens before its command was complete, and was cut off. Be more concise, \
think briefly, and give exactly one command in the form that is asked for.
{%- else -%}
Format error:

<error>
Expected exactly 1 action, found {{ actions | length }}.
</error>

Give EXACTLY ONE action in triple backticks, as <response_example> shows.

<response_example>
Some thoughts on why this is to be done.

```{{ fence }}
<action>
```
</response_example>

If your work is done, the first message says how to submit it (after that you cannot go on with this task).
{%- endif %}
"""

ENVIRONMENT = {"PAGER": "cat", "MANPAGER": "cat", "LESS": "-R", "PIP_PROGRESS_BAR": "off", "TQDM_DISABLE": "1"}

NEXT_STEP = """\
This step is submitted. The task goes on in the same directory, as you left it, with its next step, which you submit in
the same way:

{{ task }}
"""

SYSTEM_TOOLS = """\
You are a helpful assistant who solves programming tasks by working in a computer's shell, which you use by calling \
the tool `bash`.
"""

_TURNS_TOOLS = """\
<IMPORTANT>This goes on in turns: think and give AT LEAST ONE command, look at what it did, then think and give the
next ones.</IMPORTANT>

In each reply:

1. Write a THOUGHT section with your reasoning and with what you want to reach
2. Call the tool `bash` once or several times

"""

_COMMANDS_TOOLS = """\
## How commands are run

1. You call the tool `bash` with a command, or call it several times in one reply
2. The system runs the commands one after another, each in a subshell of its own
3. You see what came out of each
4. You give the next ones

**WHAT IS REQUIRED:**

- A reply SHOULD have text with your reasoning
- A reply MUST have AT LEAST ONE call of the tool `bash`; give several where the commands do not depend on each
  other (to search several files, or to read several parts of the code)
- Changes of the directory and of environment variables do not last: each command gets a new subshell
- You can however write `MY_ENV_VAR=MY_VALUE cd /path/to/somewhere && ...`, or keep variables in files

A CORRECT reply:

<example_response>
THOUGHT: I do not know this repository yet, so I look at which files are here and at what it says of itself.

[calls bash with {"command": "ls -la"}]
[calls bash with {"command": "cat README.md"}]
</example_response>

"""

INSTANCE_TOOLS = _ISSUE + _TURNS_TOOLS + _BOUNDARIES + _COMMANDS_TOOLS + _ENDING

FORMAT_ERROR_TOOLS = """\
{% if finish_reason == "length" -%}
Your last reply reached the limit of output tokens before its call was complete, and was cut off. Be more concise, \
think briefly, and end with one call of the tool `bash`.
{%- else -%}
Tool call error:

<error>
{{ error }}
</error>

Every reply has to call the tool `bash` at least once, with the command as its argument:

- Tool: bash
- Arguments: {"command": "your_command_here"}

If your work is done, the first message says how to submit it (after that you cannot go on with this task).
{%- endif %}
"""

TOOLS = {
    "system": SYSTEM_TOOLS,
    "instance": INSTANCE_TOOLS,
    "format_error": FORMAT_ERROR_TOOLS,
    "fence": "bash",
}
