const SHORT = {
  allow_once: 'Allow',
  allow_always: 'Always',
  reject_once: 'Reject',
  reject_always: 'Never'
};

/** What an agent asks, and the buttons that answer. Used by the session and by the fleet. */

/** The label, or one word for it where there is little room and no other option of its kind. */
function wordFor(option, options, small) {
  const alone = options.filter(one => one.kind === option.kind).length === 1;
  return (small && alone && SHORT[option.kind]) || safe(option.label || option.id);
}

/** `answer(body)` sends it and rejects with a Problem; `small` leaves the body out. */
function requestCard(request, answer, small = false) {
  const card = h('div', { class: 'cc-request', 'data-request': request.request });
  const problem = h('div');
  const send = async body => {
    const buttons = card.querySelectorAll('button, input');
    buttons.forEach(button => (button.disabled = true));
    problem.replaceChildren();
    try {
      await answer(body);
    } catch (error) {
      buttons.forEach(button => (button.disabled = false));
      problem.replaceChildren(problemView(error));
    }
  };
  card.append(h('div', { class: 'cc-ask' }, safe(request.title || 'The agent asks')));
  if (request.kind === 'question') {
    card.append(questionForm(request, send, small));
  } else {
    if (!small) {
      card.append(...requestBody(request));
    }
    const options = request.options ?? [];
    card.append(
      h(
        'div',
        { class: 'cc-buttons' },
        (small ? options.slice(0, 3) : options).map(option =>
          h(
            'button',
            {
              'data-kind': option.kind,
              title: [
                option.label,
                option.rule ? `allows from now on: ${option.rule}` : option.scope
              ]
                .filter(part => part)
                .map(safe)
                .join('\n'),
              onclick: () => send({ option: option.id })
            },
            wordFor(option, options, small)
          )
        )
      )
    );
  }
  card.append(problem);
  return card;
}

/** All of what a permission is about. */
function requestBody(request) {
  const found = [];
  const raw = request.raw_input;
  const command = Array.isArray(raw?.command) ? raw.command.join(' ') : raw?.command;
  const texts = (request.content ?? []).filter(block => block.type !== 'diff' && block.text);
  const diffs = (request.content ?? []).filter(block => block.type === 'diff');
  if (request.description) {
    found.push(h('div', { class: 'cc-description' }, safe(request.description)));
  }
  if (command && !texts.some(block => block.text.includes(command))) {
    found.push(h('pre', {}, safe(command)));
  }
  texts.forEach(block => found.push(h('pre', {}, safe(block.text))));
  diffs.forEach(block => found.push(diffView(block)));
  if (!found.length && raw) {
    found.push(h('pre', {}, safe(typeof raw === 'string' ? raw : JSON.stringify(raw, null, 2))));
  }
  return found;
}

function questionForm(request, send, small) {
  const questions = request.questions ?? [];
  if (small && questions.length === 1 && !questions[0].multiple && questions[0].options?.length) {
    const [question] = questions;
    return h(
      'div',
      {},
      question.text === request.title
        ? null
        : h('div', { class: 'cc-description' }, safe(question.text)),
      h(
        'div',
        { class: 'cc-buttons' },
        question.options.map(option =>
          h(
            'button',
            { onclick: () => send({ answers: { [question.id]: [option.label] } }) },
            safe(option.label)
          )
        )
      )
    );
  }
  const form = h('form', {
    onsubmit: event => {
      event.preventDefault();
      const answers = {};
      for (const question of questions) {
        const chosen = [...form.querySelectorAll('input')].filter(
          input =>
            input.name === question.id &&
            (input.type === 'text' ? input.value.trim() : input.checked)
        );
        answers[question.id] = chosen.map(input => input.value.trim());
      }
      send({ answers });
    }
  });
  for (const question of questions) {
    const options = question.options ?? [];
    form.append(
      h(
        'fieldset',
        {},
        question.text === request.title ? null : h('legend', {}, safe(question.text)),
        options.map(option =>
          h(
            'label',
            {},
            h('input', {
              type: question.multiple ? 'checkbox' : 'radio',
              name: question.id,
              value: option.label
            }),
            ` ${safe(option.label)}`,
            option.description ? h('small', {}, ` ${safe(option.description)}`) : null
          )
        ),
        question.free_text || !options.length
          ? h('input', { type: 'text', name: question.id, placeholder: 'your own words' })
          : null
      )
    );
  }
  form.append(
    h(
      'div',
      { class: 'cc-buttons' },
      h('button', { type: 'submit', 'data-kind': 'allow_once' }, 'Answer')
    )
  );
  return form;
}

/** What was answered, by whom. */
function answered(data) {
  if (data.withdrawn !== undefined) {
    return h('div', { class: 'cc-answered' }, `${safe(data.title)}: withdrawn`);
  }
  const told = data.resolution;
  const option = (data.options ?? []).find(one => one.id === told.option);
  const refused = told.declined || (option?.kind ?? '').startsWith('reject');
  const words = told.declined
    ? 'declined'
    : told.label ||
      option?.label ||
      Object.values(told.answers ?? {})
        .flat()
        .join(', ');
  const where = told.where ? ` on ${told.where}` : '';
  return h(
    'div',
    { class: 'cc-answered', 'data-outcome': refused ? 'refused' : 'granted' },
    refused ? '✗ ' : '✓ ',
    safe(data.title),
    ': ',
    h('strong', {}, safe(words)),
    h('small', {}, safe(where))
  );
}
